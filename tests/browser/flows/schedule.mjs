// Tasks: run now, taken back, paused and let go on, and what is said where one fails.

/** A task that gives a page of its own another title, at eight in the evening. */
function makeTask(cli, name, values = {}) {
  cli(["add", `/${name}-page`, "--type", "page", "--set", "title=Before"]);
  const set = Object.entries({ run: "set", "on:reference": `/${name}-page`, "arguments:json": '{"map":{"title":"After"}}', when: "at 20:00", ...values });
  cli(["add", `/${name}`, "--type", "task", ...set.flatMap(([key, value]) => ["--set", `${key}=${value}`])]);
  cli(["owner", `/${name}`, "admin"]);
}

export const flows = [
  {
    name: "a task is found, run, and taken back, and its page says so",
    async run({ page, expect, login, axe, cli }) {
      makeTask(cli, "evening");
      await login();
      await page.goto("/@@manage");
      await page.click("a:text-is('Tasks')");
      await axe();
      await page.click("main a:text-is('/evening')");
      expect.match(await page.textContent("main"), /With the rights of\s*admin/);
      expect.match(await page.textContent("main"), /It never ran/);
      await axe();
      await page.click("button:text-is('Run now')");
      await page.waitForSelector("text=The task ran.");
      expect.match(await page.textContent("table"), /Ran \/evening/);
      expect.equal(cli(["cat", "/evening-page", "title"]).trim(), "After");
      await axe();
      await page.click("table button:has-text('Undo')");
      await page.waitForSelector("table >> text=undone since");
      expect.equal(cli(["cat", "/evening-page", "title"]).trim(), "Before");
    },
  },
  {
    name: "a task is paused and let go on, by keys",
    async run({ page, expect, login, axe, cli }) {
      makeTask(cli, "resting");
      await login();
      await page.goto("/resting/@@manage/schedule");
      await page.focus("button:text-is('Pause')");
      await page.keyboard.press("Enter");
      await page.waitForSelector("text=not as long as it is paused");
      expect.match(await page.textContent(".message"), /Paused the task \/resting/);
      await axe();
      await page.focus("button:text-is('Let it go on')");
      await page.keyboard.press("Enter");
      await page.waitForSelector("button:text-is('Pause')");
      expect.match(await page.textContent("main"), /20:00/);
    },
  },
  {
    name: "a task that fails says why, on a phone, without scripts",
    narrow: true,
    js: false,
    async run({ page, expect, login, cli }) {
      makeTask(cli, "wrong", { run: "fly" });
      await login();
      await page.goto("/wrong/@@manage/schedule");
      await page.click("button:text-is('Run now')");
      await page.waitForSelector("text=The task failed.");
      expect.match(await page.textContent("table"), /has no method `fly`/);
      await page.goto("/@@manage/schedule");
      expect.match(await page.textContent("tr:has-text('/wrong')"), /failed/);
    },
  },
];
