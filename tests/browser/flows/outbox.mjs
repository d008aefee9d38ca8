// The outbox: a message that is held is sent by a button, waits where nobody answers, is tried now, and deleted.

/** A mail host at which nobody answers, and a message in it that was made by hand. */
function makeMail(cli, name) {
  cli(["add", `/${name}`, "--type", "mail_host", "--set", "server=127.0.0.1", "--set", "port:int=1", "--set", "security=none", "--set", "from=site@example.org"]);
  cli(["add", `/${name}/one`, "--type", "message", "--set", "to=ann@example.org", "--set", "subject=Come <soon>", "--set", "text=Hello"]);
}

/** Looks again until the page says so: mail goes on a thread of its own. */
async function until(page, words) {
  for (let left = 60; left > 0; left -= 1) {
    if (words.test(await page.textContent("main"))) return;
    await page.waitForTimeout(500);
    await page.reload();
  }
  throw new Error(`${words} did not come: ${await page.textContent("main")}`);
}

export const flows = [
  {
    name: "a held message is sent, waits where nobody answers, is tried now, and deleted",
    async run({ page, expect, login, axe, cli }) {
      makeMail(cli, "mail");
      await login();
      await page.goto("/mail/@@manage/outbox");
      expect.match(await page.textContent("table"), /held/);
      expect.match(await page.textContent("table"), /Come <soon>/);
      await axe();
      await page.click("button:text-is('Send')");
      await page.waitForSelector("text=It will be sent in a moment.");
      await until(page, /next try/);
      expect.match(await page.textContent("table"), /tried 1 time/);
      await axe();
      await page.click("table a:has-text('Come <soon>')");
      expect.match(await page.textContent("main"), /State\s*waiting\s*next try/);
      await axe();
      await page.click("button:text-is('Try now')");
      await page.waitForSelector("text=It will be sent in a moment.");
      await until(page, /tried 2 times/);
      await page.goto("/mail/one/@@manage/edit");
      expect.equal((await page.textContent(".facts-line a.badge")).trim(), "waiting");
      await page.goto("/mail/@@manage/outbox");
      await page.click("button:text-is('Delete')");
      await page.waitForSelector("text=There are no messages here.");
      await page.waitForSelector(".message button[data-undo]");
    },
  },
  {
    name: "the outbox is whole on a phone",
    narrow: true,
    async run({ page, expect, login, axe, cli }) {
      makeMail(cli, "post");
      await login();
      await page.goto("/post/@@manage/outbox");
      const wide = await page.locator(".table").evaluateAll((all) => all.filter((table) => table.scrollWidth > table.clientWidth + 1).length);
      expect.equal(wide, 0);
      await axe();
    },
  },
];
