// Taking changes back: by the page of all of them, several at once, against what stands in the way, and again.
const FAIR = "/fair";

/** A page that was changed three times, by the command line; the sentences of its changes are the command line's own. */
function prepare({ cli }, name) {
  cli(["add", `/${name}`, "--type", "page", "--set", "title=First title", "--set", "body=<p>Entry is free.</p>\n<p>Bring friends.</p>"]);
  cli(["set", `/${name}`, "title=Second title"]);
  cli(["set", `/${name}`, "body=<p>Entry costs 3 euros.</p>\n<p>Bring friends.</p>"]);
}

export const flows = [
  {
    name: "several changes are selected, looked at, undone, and done again from the message",
    // The starter site has no icon.
    complaints: [/Failed to load resource/],
    async run(tools) {
      const { page, expect, login, axe } = tools;
      prepare(tools, "fair");
      await login();
      await page.goto("/@@manage/undo");
      await axe();
      await page.check(`main tr:has-text("Set title of ${FAIR}") input[type=checkbox]`);
      await page.check(`main tr:has-text("Set body of ${FAIR}") input[type=checkbox]`);
      await page.click("text=Undo the selected…");
      expect.match(await page.textContent("h1"), /Undo 2 changes\?/);
      await page.waitForSelector(".line-diff >> text=3 euros");
      await axe();
      await page.click("button:has-text('Undo 2 changes')");
      await page.waitForSelector(".message.good:has-text('Undid 2 changes')");
      await page.goto(`${FAIR}`);
      expect.match(await page.content(), /Entry is free/);
      await page.goBack();
      await page.click(".message button:has-text('Redo')");
      await page.waitForSelector(".message.good:has-text('Redid')");
      await page.goto(`${FAIR}`);
      expect.match(await page.content(), /Entry costs 3 euros/);
    },
  },
  {
    name: "what stands against an undo is settled by keeping it",
    async run(tools) {
      const { page, expect, login, axe, cli } = tools;
      prepare(tools, "blocked");
      cli(["set", "/blocked", "title=Third title"]);
      await login();
      await page.goto("/@@manage/undo?words=title&path=/blocked");
      await page.check("main tbody tr:nth-child(2) input[type=checkbox]");
      await page.click("text=Undo the selected…");
      await page.waitForSelector("text=What stands against it");
      await page.waitForSelector(".against >> text=Third title");
      await axe();
      await page.click("text=Undo that change, too");
      expect.equal(await page.locator("text=What stands against it").count(), 0);
      await page.click("button:has-text('Undo 2 changes')");
      await page.waitForSelector(".message.good");
      await page.waitForSelector("main tr:has-text('undone since')");
      await page.goto("/blocked/@@manage/history");
      expect.equal(await page.textContent("h1"), "First title");
    },
  },
  {
    name: "something that was deleted is found and brought back, without scripts",
    js: false,
    async run(tools) {
      const { page, expect, login, cli } = tools;
      cli(["mkdir", "/gone"]);
      cli(["add", "/gone/leaf", "--type", "page", "--set", "title=Leaf"]);
      cli(["rm", "/gone"]);
      await login();
      await page.goto("/@@manage/undo?path=/gone");
      await page.click("main a:has-text('Deleted /gone')");
      await page.click("text=Undo this…");
      await page.click("button:has-text('Undo this change')");
      await page.waitForSelector(".message:has-text('Undid: Deleted /gone')");
      await page.goto("/gone/leaf");
      expect.match(await page.content(), /Leaf/);
    },
  },
];
