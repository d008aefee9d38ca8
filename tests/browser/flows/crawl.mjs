// Every page that a link of the management pages leads to: it is there, nothing in it runs, nobody meets a barrier on it.
import { hostile, typical } from "../seed.mjs";

/** What kind of page it is: the steps behind the view, without what names one thing among many. */
function kind(url) {
  const { pathname, searchParams } = new URL(url);
  const behind = pathname.split("/@@manage")[1] ?? "";
  const line = pathname.startsWith("/@v/") ? "version" : "trunk";
  const steps = behind.split("/").map((step) => (/^(t|o)?[0-9a-f]{6,}$/.test(step) || step.length > 24 ? "*" : step));
  return `${line}${steps.join("/")}?${[...searchParams.keys()].sort().join("&")}`;
}

/** Follows links until there are no more, or `max` pages were seen; of each kind of page at most `each`. */
async function crawl({ page, expect, axe, base, max, each, narrow }, starts) {
  const waiting = [...starts];
  const seen = new Set(starts);
  const kinds = new Map();
  const problems = [];
  let visited = 0;
  while (waiting.length && visited < max) {
    const url = waiting.shift();
    const count = kinds.get(kind(url)) ?? 0;
    if (count >= each) continue;
    kinds.set(kind(url), count + 1);
    visited += 1;
    const response = await page.goto(url, { waitUntil: "load" });
    const status = response?.status() ?? 0;
    if (status !== 200) {
      problems.push(`${status} at ${url}`);
      continue;
    }
    if (narrow) {
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 1) problems.push(`${over} pixels too wide: ${url}`);
    }
    if (count === 0) await axe().catch((error) => problems.push(error.message.slice(0, 600)));
    const links = await page.evaluate(() => [...document.querySelectorAll("a[href]")].map((link) => link.href.split("#")[0]));
    for (const link of links) {
      if (!link.startsWith(base) || !link.includes("/@@manage") || link.includes("/assets/") || link.includes("/edit/file?") || seen.has(link)) continue;
      seen.add(link);
      waiting.push(link);
    }
  }
  expect.deepEqual(problems, [], `${visited} pages were seen`);
  expect.ok(visited > 20, `only ${visited} pages were seen`);
}

export const flows = [
  {
    name: "every link of a site as people have it leads to a page without barriers",
    async run(tools) {
      typical(tools);
      await tools.login();
      const starts = ["/@@manage", "/news/@@manage", "/news/autumn/@@manage", "/@v/redesign/news/autumn/@@manage", "/@@manage/style"];
      await crawl({ ...tools, each: tools.full ? 4 : 1, max: tools.full ? 400 : 70 }, starts.map((start) => tools.base + start));
    },
  },
  {
    name: "nothing that anybody wrote runs on any page",
    async run(tools) {
      hostile(tools);
      await tools.login();
      const inside = encodeURIComponent("<img src=x onerror=alert(1)>");
      const starts = ["/@@manage", `/${inside}/@@manage`, `/@v/hostile/${inside}/@@manage`, "/@@manage/undo", "/@@manage/versions/hostile/conflicts"];
      const axe = async () => {};
      await crawl({ ...tools, axe, each: tools.full ? 12 : 3, max: tools.full ? 600 : 120 }, starts.map((start) => tools.base + start));
    },
  },
  {
    name: "no page is wider than a narrow screen",
    narrow: true,
    full: true,
    async run(tools) {
      await tools.login();
      const starts = ["/@@manage", "/news/@@manage", "/news/autumn/@@manage", "/@v/redesign/news/autumn/@@manage"];
      await crawl({ ...tools, each: 1, max: 200, narrow: true }, starts.map((start) => tools.base + start));
    },
  },
];
