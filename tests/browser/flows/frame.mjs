// What is around every page: finding, keys, the tree, themes, narrow screens.
export const flows = [
  {
    name: "without logging in one is asked to, and comes to the page that one wanted",
    async run({ page, expect, login, base }) {
      await page.goto("/about/@@manage/style");
      expect.match(page.url(), /@@login\?next=/);
      await login();
      await page.goto("/about/@@manage/style");
      expect.equal(await page.textContent("h1"), "Components");
      expect.equal(new URL(page.url()).pathname, "/about/@@manage/style", base);
    },
  },
  {
    name: "an object is found and opened by keys alone",
    async run({ page, expect, login, axe }) {
      await login();
      await page.goto("/@@manage/style");
      await page.keyboard.press("Control+k");
      await page.keyboard.type("abou");
      await page.waitForSelector("dialog [role=option]:has-text('About')");
      await axe();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/about\/@@manage/);
      await page.keyboard.press("/");
      await page.keyboard.type("/abo");
      await page.waitForSelector("dialog [role=option]");
      await page.keyboard.press("Escape");
      expect.equal(await page.locator("dialog[open]").count(), 0);
      await page.keyboard.press("?");
      await page.waitForSelector("dialog .keys");
      await axe();
      await page.keyboard.press("Escape");
    },
  },
  {
    name: "the tree opens a branch at a time and is walked by arrows",
    async run({ page, expect, login, axe, cli, folder }) {
      const fs = await import("node:fs");
      fs.mkdirSync(`${folder}/in/deep/deeper`, { recursive: true });
      fs.writeFileSync(`${folder}/in/deep/deeper/leaf.txt`, "leaf");
      cli(["import", `${folder}/in`, "/branchy"]);
      await login();
      await page.goto("/@@manage/style");
      const row = (text) => page.locator(".tree .row", { has: page.locator(`a.to:text-is("${text}")`) });
      await row("branchy").locator("a.fold").click();
      await row("deep").locator("a.to").waitFor();
      await axe();
      await page.keyboard.press("t");
      const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
      expect.equal(await focused(), "My site");
      for (let steps = 0; (await focused()) !== "deep" && steps < 20; steps += 1) await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowRight");
      await row("deeper").locator("a.to").waitFor();
      await page.keyboard.press("ArrowLeft");
      await row("deeper").locator("a.to").waitFor({ state: "hidden" });
      await page.keyboard.press("ArrowLeft");
      expect.equal(await focused(), "branchy");
    },
  },
  {
    name: "light and dark stay as one chose",
    async run({ page, expect, login }) {
      await login();
      await page.goto("/@@manage/style");
      await page.click("details.menu summary");
      await page.click("[data-theme-switch]");
      const chosen = await page.evaluate(() => document.documentElement.dataset.theme);
      expect.equal(chosen, "dark");
      await page.reload();
      expect.equal(await page.evaluate(() => document.documentElement.dataset.theme), chosen);
    },
  },
  {
    name: "on a narrow screen nothing is cut off and the tree is behind a fold",
    narrow: true,
    async run({ page, expect, login, axe }) {
      await login();
      await page.goto("/@@manage/style");
      await page.locator(".tree a.to").first().waitFor({ state: "hidden" });
      await page.click(".side summary");
      await page.locator(".tree a.to").first().waitFor();
      expect.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await axe();
    },
  },
  {
    name: "finding works without scripts",
    js: false,
    async run({ page, expect, login }) {
      await login();
      await page.goto("/@@manage/style");
      await page.click("text=Find");
      await page.fill("#find-text", "about");
      await page.press("#find-text", "Enter");
      await page.click("main a:has-text('About')");
      expect.match(page.url(), /\/about\/@@manage/);
    },
  },
];
