// A picture of the upper part of a page: node screenshot.mjs PAGE PNG
import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const [page, picture] = process.argv.slice(2);
if (!picture) throw new Error("usage: node screenshot.mjs PAGE PNG");
const browser = await launch();
try {
  const view = await browser.newPage({ viewport: { width: 1080, height: 1000 }, colorScheme: "light" });
  await view.goto(pathToFileURL(page).href);
  // A table of several brokers is as wide as it is.
  const width = await view.locator("table").first().evaluate((table) => Math.max(1080, table.scrollWidth + 120));
  await view.setViewportSize({ width, height: 1000 });
  // The charts of the latency are the last that is shown.
  const end = await view.locator("#heat, #latencies, #curves").first().evaluate((element) => element.getBoundingClientRect().bottom + scrollY + 16);
  await view.screenshot({ path: picture, fullPage: true, clip: { x: 0, y: 0, width, height: Math.min(end, Math.round((1080 * 1240) / width)) } });
} finally {
  await browser.close();
}
const { size } = await stat(picture);
if (size > 300_000) throw new Error(`${picture} has ${size} bytes: more than a README should make people load`);
console.log(`${picture}: ${size} bytes`);
