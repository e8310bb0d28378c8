// The pages named in PAGES, as a browser shows them. Run by `run`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const pages = (process.env.PAGES ?? "").split(":").filter(Boolean);
assert.ok(pages.length > 0, "PAGES names no page");

const views = [
  { name: "desktop, light", width: 1280, height: 900, colorScheme: "light" },
  { name: "desktop, dark", width: 1280, height: 900, colorScheme: "dark" },
  { name: "phone, light", width: 390, height: 844, colorScheme: "light" },
  { name: "phone, dark", width: 390, height: 844, colorScheme: "dark" },
];

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

// Opens a page and keeps what it complains about and asks for.
async function open(path, { width, height, colorScheme, javaScriptEnabled = true }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, javaScriptEnabled });
  const page = await context.newPage();
  const url = pathToFileURL(path).href;
  const complaints = [], requests = [];
  page.on("console", (message) => { if (message.type() !== "log") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(error.message));
  context.on("request", (request) => { if (request.url() !== url) requests.push(request.url()); });
  await page.goto(url, { waitUntil: "load" });
  return { page, complaints, requests, close: () => context.close() };
}

// The relative luminance of WCAG 2, of `rgb(…)`.
const luminance = (color) => {
  const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};

for (const path of pages) {
  describe(path.split("/").slice(-2).join("/"), () => {
    for (const view of views) {
      test(`${view.name}: whole, quiet, and no wider than the screen`, async () => {
        const { page, complaints, requests, close } = await open(path, view);
        const seen = await page.evaluate(() => ({
          scroll: document.documentElement.scrollWidth,
          client: document.documentElement.clientWidth,
          heading: document.querySelector("h1").getBoundingClientRect().height,
          charts: [...document.querySelectorAll("figure.chart")].map((figure) => ({
            id: figure.id,
            width: figure.querySelector(".plot svg").getBoundingClientRect().width,
            title: figure.querySelector("title").textContent,
            description: figure.querySelector("desc").textContent,
            marks: figure.querySelectorAll(".plot path, .plot circle").length,
          })),
          narrow: [...document.querySelectorAll("figure.chart")].filter((f) => f.scrollWidth > f.clientWidth + 1).length,
        }));
        assert.ok(seen.scroll <= seen.client, `${seen.scroll} px of ${seen.client}`);
        assert.ok(seen.heading > 10);
        assert.ok(seen.charts.length >= 2, `${seen.charts.length} charts`);
        assert.equal(seen.narrow, 0);
        for (const chart of seen.charts) {
          assert.ok(chart.width > 200 && chart.marks > 0 && chart.title && chart.description, JSON.stringify(chart));
        }
        assert.deepEqual(complaints, []);
        assert.deepEqual(requests, []);
        await close();
      });
    }

    test("text stands out, light and dark", async () => {
      for (const colorScheme of ["light", "dark"]) {
        const { page, close } = await open(path, { width: 1280, height: 900, colorScheme });
        const pairs = await page.evaluate(() => {
          const background = (element) => {
            for (let at = element; at; at = at.parentElement) {
              const color = getComputedStyle(at).backgroundColor;
              if (!/rgba\(.*, 0\)/.test(color)) return color;
            }
            return "rgb(255, 255, 255)";
          };
          const texts = document.querySelectorAll("h1, h2, h3, p, li, th, td, dt, dd, small, a, caption, pre");
          return [...texts]
            .filter((element) => element.textContent.trim() && element.getClientRects().length)
            .map((element) => [element.textContent.trim().slice(0, 40), getComputedStyle(element).color, background(element)]);
        });
        assert.ok(pairs.length > 20);
        for (const [text, color, behind] of pairs) {
          assert.ok(contrast(color, behind) >= 4.5, `${colorScheme}: "${text}" ${color} on ${behind}`);
        }
        const page_color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(luminance(page_color) < 0.1, colorScheme === "dark", page_color);
        await close();
      }
    });

    test("the pointer reads figures", async () => {
      const { page, complaints, close } = await open(path, { width: 1280, height: 900, colorScheme: "light" });
      const charts = page.locator("figure.chart:has(.target)");
      assert.ok((await charts.count()) > 0);
      for (const chart of await charts.all()) {
        await chart.locator(".target").hover();
        const readout = chart.locator(".readout");
        assert.ok(await readout.isVisible());
        assert.match(await readout.textContent(), /\d/);
      }
      assert.deepEqual(complaints, []);
      await close();
    });

    test("the page is whole without its script, and on paper", async () => {
      const { page, requests, close } = await open(path, { width: 1280, height: 900, colorScheme: "dark", javaScriptEnabled: false });
      assert.ok((await page.locator("figure.chart .plot svg").count()) >= 2);
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
      assert.ok(pdf.length > 10_000);
      assert.deepEqual(requests, []);
      await close();
    });
  });
}
