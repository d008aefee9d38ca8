// What an object sees through its containers, and how it is set at one place.

function colours(cli, name) {
  cli(["set", "/", "colour=green"]);
  cli(["mkdir", `/${name}`]);
  cli(["mkdir", `/${name}/in`]);
}

export const flows = [
  {
    name: "a value from above is set here, hides the other, and is removed again",
    async run({ page, expect, login, axe, cli }) {
      colours(cli, "paint");
      await login("ed");
      await page.goto("/paint/in/@@manage/acquisition");
      await axe();
      const row = page.locator("tr", { has: page.locator("th a:text-is('colour')") });
      expect.match(await row.textContent(), /green.*\//s);
      await row.locator("th a").click();
      await axe();
      await page.fill("#value", "<img src=x onerror=alert(1)>");
      await page.click("button:text('Set it here')");
      await page.waitForSelector(".message:has-text('Set colour of /paint/in.')");
      await axe();
      expect.equal(await page.locator("main img").count(), 0);
      expect.match(await page.textContent("main"), /Hidden by it.*green/s);
      await page.click("button:text('Remove it here')");
      await page.waitForSelector(".message:has-text('Removed colour of /paint/in.')");
      expect.match(await page.textContent(".facts"), /green/);
      await page.click("button:text('Block it here')");
      await page.waitForSelector("text=the search is stopped here");
      await axe();
    },
  },
  {
    name: "names are searched and sorted out without scripts",
    js: false,
    async run({ page, expect, login, cli }) {
      colours(cli, "plain");
      await login("ed");
      await page.goto("/plain/in/@@manage/acquisition");
      await page.fill("#q", "layout");
      await page.selectOption("#kind", "objects");
      await page.click("button:text('Show')");
      await page.waitForSelector("th a:text-is('layout.html')");
      expect.equal(await page.locator("th a:text-is('colour')").count(), 0);
      expect.match(page.url(), /kind=objects/);
    },
  },
];
