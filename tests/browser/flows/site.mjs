// The site as a whole: upkeep, backups, archives, and work in the background.
async function check(page, expect) {
  await page.goto("/@@manage/site");
  await page.click("button:text-is('Check everything')");
  await page.waitForSelector(".message.good");
  expect.match(await page.textContent(".message"), /Everything is as it must be/);
}

export const flows = [
  {
    name: "the site is checked, backed up, and asked what could be forgotten",
    async run({ page, expect, login, axe }) {
      await login();
      await page.goto("/@@manage/site");
      await axe();
      await check(page, expect);
      await axe();
      await page.goto("/@@manage/site");
      await page.fill("[name=name]", "../up");
      await page.click("button:text-is('Back up')");
      await page.waitForSelector("#name-wrong");
      expect.equal(await page.inputValue("[name=name]"), "../up");
      await page.fill("[name=name]", "weekly");
      await page.click("button:text-is('Back up')");
      await page.waitForSelector(".message.good:has-text('weekly')");
      await page.click(".crumbs a:text-is('Upkeep and backups')");
      expect.match(await page.textContent("table[aria-labelledby=backups]"), /weekly/);
      await axe();
      await page.click("button:text-is('See what would go')");
      await page.waitForSelector("text=There is nothing to forget.");
      await axe();
    },
  },
  {
    name: "an archive is imported by keys alone",
    async run({ page, expect, login, axe, folder, cli }) {
      const fs = await import("node:fs");
      cli(["mkdir", "/docs"]);
      await login();
      await page.goto("/@@manage/site/import?into=/docs");
      await axe();
      // An archive without anything in it.
      fs.writeFileSync(`${folder}/none.zip`, Buffer.from([0x50, 0x4b, 5, 6, ...new Array(18).fill(0)]));
      await page.setInputFiles("#archive", `${folder}/none.zip`);
      await page.focus("#into");
      await page.keyboard.press("Enter");
      await page.waitForURL(/site\/tasks\//);
      await page.waitForSelector("[data-state]:text-is('done')");
      await axe();
    },
  },
  {
    name: "without scripts, too, one sees how work in the background ends",
    js: false,
    async run({ page, expect, login }) {
      await login();
      await check(page, expect);
    },
  },
];
