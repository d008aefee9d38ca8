// The history of an object: who changed what, how it was, and getting that back.
const AT = "/story";

function prepare({ cli }, at) {
  cli(["add", at, "--type", "page", "--set", "title=Story", "--set", "body=<p>It opens on Saturday.</p>\n<p>Bring friends.</p>"]);
  cli(["set", at, "body=<p>It opens on Sunday.</p>\n<p>Bring friends.</p>"]);
  cli(["set", at, "title=A longer story"]);
}

export const flows = [
  {
    name: "who changed a sentence, and what was there before, is found in a few clicks",
    async run(tools) {
      const { page, expect, login, axe } = tools;
      prepare(tools, AT);
      await login();
      await page.goto(`${AT}/@@manage/history`);
      await axe();
      await page.click("text=Who wrote what it holds now");
      await axe();
      await page.click("main tr:has-text('Text') >> text=line by line");
      await axe();
      await page.click(`tbody:has-text("opens on Sunday") a`);
      await page.waitForSelector("del:has-text('Saturday')");
      await page.waitForSelector("ins:has-text('Sunday')");
      await axe();
    },
  },
  {
    name: "two revisions are compared both ways, and one text is brought back",
    // The starter site has no icon.
    complaints: [/Failed to load resource/],
    async run(tools) {
      const { page, expect, login, axe } = tools;
      prepare(tools, "/compared");
      await login();
      await page.goto("/compared/@@manage/history");
      await page.check("tbody tr:last-child input[name=from]");
      await page.click("text=Compare the two");
      await page.waitForSelector(".line-diff.beside del:has-text('Saturday')");
      await page.click("text=One below the other");
      await page.waitForSelector(".line-diff.one-below del:has-text('Saturday')");
      await axe();
      await page.click("section.compared:has(h4:has-text('Text')) >> text=Put back what was before…");
      expect.ok(await page.isChecked("input[value=body]"));
      expect.equal(await page.isChecked("input[value=title]"), false);
      await axe();
      await page.click("button:has-text('Put back what is ticked')");
      await page.waitForSelector(".message.good:has-text('Restored Text of /compared')");
      expect.equal(await page.textContent("h1"), "A longer story");
      await page.goto("/compared");
      expect.match(await page.content(), /opens on Saturday/);
    },
  },
  {
    name: "a page is opened as it was",
    // The starter site has no icon.
    complaints: [/Failed to load resource/],
    async run(tools) {
      const { page, expect, login } = tools;
      prepare(tools, "/was");
      await login();
      await page.goto("/was/@@manage/history");
      await page.click("tbody tr:last-child a:has-text('As it was')");
      expect.match(page.url(), /\/@at\/t[0-9a-f]+\/was$/);
      expect.match(await page.content(), /opens on Saturday/);
    },
  },
  {
    name: "something deleted is brought back to another place, by keys alone",
    async run(tools) {
      const { page, expect, login, axe, cli } = tools;
      cli(["mkdir", "/shelf"]);
      cli(["add", "/shelf/book", "--type", "page", "--set", "title=Book"]);
      cli(["rm", "/shelf"]);
      await login();
      await page.goto("/@@manage/undo?path=/shelf");
      await page.locator("main a:has-text('Deleted /shelf')").focus();
      await page.keyboard.press("Enter");
      await page.locator(".object-diff a:has-text('History')").focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("text=was deleted by");
      await axe();
      await page.locator("text=Put it back…").focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("#to");
      await axe();
      await page.fill("#to", "/shelf-again");
      await page.press("#to", "Enter");
      await page.waitForSelector(".message.good:has-text('Restored /shelf')");
      expect.match(page.url(), /\/shelf-again\/@@manage\/history/);
    },
  },
];
