// Chromium as the tests and the screenshot start it.
import { accessSync } from "node:fs";
import { chromium } from "playwright-core";

function executable() {
  const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  for (const path of candidates.filter(Boolean)) {
    try {
      accessSync(path);
      return path;
    } catch {
      // The next one may be there.
    }
  }
  throw new Error("no Chromium: apt-get install chromium, or name it in CHROMIUM");
}

// A fresh profile per start comes with launch(); the flags keep the browser itself off the network.
export function launch() {
  const quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: executable(), headless: true, args: [...quiet, ...root] });
}
