// Pictures of every management page: `node screenshots.mjs BOUGH OUT [NAME ...]`. Tells, too, of pages that are wider than
// the screen and of barriers that axe finds.
import fs from "node:fs";
import path from "node:path";
import { hostile, typical } from "./seed.mjs";
import { axeSource, launch, logIn, serve } from "./site.mjs";

const [bough, out, ...wanted] = process.argv.slice(2);
const VIEWS = [
  ["wide-light", 1280, 900, "light"],
  ["wide-dark", 1280, 900, "dark"],
  ["narrow-light", 390, 844, "light"],
  ["narrow-dark", 390, 844, "dark"],
];
const inside = `/${encodeURIComponent("<img src=x onerror=alert(1)>")}`;

/** What there is to see: a name, and where. */
const PAGES = [
  ["contents", "/@@manage/contents"],
  ["contents-folder", "/news/@@manage/contents"],
  ["contents-by-size", "/reports/2026/@@manage/contents?sort=size"],
  ["contents-empty", "/empty/@@manage/contents"],
  ["contents-hostile", `${inside}/@@manage/contents`],
  ["contents-version", "/@v/redesign/news/@@manage/contents"],
  ["contents-filtered", "/reports/2026/@@manage/contents?q=report-1"],
  ["contents-filtered-in-vain", "/news/@@manage/contents?q=nowhere"],
  ["deleted", "/news/@@manage/deleted"],
  ["add-page", "/news/@@manage/add?type=page"],
  ["upload", "/news/@@manage/upload"],
  ["edit-page", "/news/autumn/@@manage/edit"],
  ["edit-folder", "/news/@@manage/edit"],
  ["edit-template", "/layout.html/@@manage/edit"],
  ["edit-link", "/news/old/@@manage/edit"],
  ["edit-file", "/reports/notes.txt/@@manage/edit"],
  ["edit-hostile", `${inside}/odd/@@manage/edit`],
  ["edit-version", "/@v/redesign/news/autumn/@@manage/edit"],
  ["history", "/news/autumn/@@manage/history"],
  ["history-folder", "/news/@@manage/history?below=1"],
  ["blame", "/news/autumn/@@manage/history/blame"],
  ["acquisition", "/news/autumn/@@manage/acquisition"],
  ["security", "/@@manage/security"],
  ["security-folder", "/news/@@manage/security"],
  ["why", "/news/autumn/@@manage/security/why"],
  ["undo", "/@@manage/undo"],
  ["undo-in-vain", "/@@manage/undo?words=nowhere"],
  ["undo-hostile", "/@v/hostile/@@manage/undo"],
  ["versions", "/@@manage/versions"],
  ["version", "/@@manage/versions/redesign"],
  ["version-update", "/@@manage/versions/redesign/update"],
  ["version-conflicts", "/@@manage/versions/redesign/conflicts"],
  ["version-conflicts-hostile", "/@@manage/versions/hostile/conflicts"],
  ["version-merge", "/@@manage/versions/redesign/merge"],
  ["version-links", "/@@manage/versions/redesign/links"],
  ["users", "/@@manage/users"],
  ["site", "/@@manage/site"],
  ["start", "/@@manage/start"],
  ["style", "/@@manage/style"],
  ["find", "/@@manage/find?q=news"],
  ["missing", "/news/nowhere/@@manage"],
  ["welcome", "/"],
];

const site = await serve(bough);
const browser = await launch();
try {
  typical(site);
  hostile(site);
  const pages = PAGES.filter(([name]) => !wanted.length || wanted.some((one) => name.startsWith(one)));
  for (const [view, width, height, colorScheme] of VIEWS) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, baseURL: site.base });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load")) console.log(`${view} ${page.url()}: ${message.text()}`);
    });
    await logIn(page, site.base);
    for (const [name, url] of pages) {
      const response = await page.goto(url, { waitUntil: "networkidle" });
      if (response.status() >= 400 && name !== "missing") console.log(`${view} ${name}: status ${response.status()}`);
      await page.screenshot({ path: path.join(out, `${name}.${view}.png`), fullPage: true });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 1) console.log(`${view} ${name}: ${over} pixels too wide`);
      if (!url.includes("@@manage")) continue;
      await page.evaluate(axeSource);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const one of violations) console.log(`${view} ${name}: ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | ")}`);
    }
    await context.close();
  }
  console.log(`${fs.readdirSync(out).length} pictures in ${out}`);
} finally {
  await browser.close();
  await site.stop();
}
