// Editing: what is typed is saved, comes together with what others did, and is never lost.

/** A page of its own for a flow. */
function makePage(cli, at, values = {}) {
  const set = Object.entries({ title: "Garden", format: "markdown", body: "one\ntwo\nthree\nfour\nfive\n", ...values });
  cli(["add", at, "--type", "page", ...set.flatMap(([name, value]) => ["--set", `${name}=${value}`])]);
}

/** Whether the code editor was built in. */
const hasEditor = (page) => page.evaluate(() => Boolean(document.querySelector("form.edit").dataset.editor));

/** Writes at the end of a long text, in the editor or in the text area. */
async function append(page, label, text) {
  if (await hasEditor(page)) {
    await page.waitForSelector(".cm-content");
    await page.click(`.cm-content[aria-label^="${label}"]`);
  } else {
    await page.getByLabel(label, { exact: true }).click();
  }
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

export const flows = [
  {
    name: "a title is changed by keys alone, and taken back from the message",
    async run({ page, expect, login, axe, cli }) {
      makePage(cli, "/keys");
      await login();
      await page.goto("/keys/@@manage/edit");
      await axe();
      await page.getByLabel("Title").fill("Orchard");
      await page.waitForSelector("text=Not saved yet");
      await page.keyboard.press("Control+s");
      await page.waitForSelector("text=Changed title of /keys.");
      await axe();
      await page.waitForSelector(".unsaved", { state: "hidden" });
      await page.waitForSelector(".message button[data-undo]");
    },
  },
  {
    name: "a long text is written in the editor, and previewed beside it",
    async run({ page, expect, login, axe, cli }) {
      makePage(cli, "/long", { body: "# Start\n" });
      await login();
      await page.goto("/long/@@manage/edit");
      await append(page, "Text", "\n**bold** <script>alert(1)</script>");
      await page.click("text=Preview");
      const shown = page.frameLocator("iframe.preview");
      await shown.locator("strong:text-is('bold')").waitFor();
      expect.equal(await shown.locator("script").count(), 0);
      await append(page, "Text", " *soft*");
      await shown.locator("em:text-is('soft')").waitFor();
      await axe();
      await page.click("text=Hide the preview");
      await page.click(".main-action");
      await page.waitForSelector("text=Changed body of /long.");
      await page.goto("/long");
      expect.equal(await page.locator("main strong").first().textContent(), "bold");
    },
  },
  {
    name: "lists grow and shrink, and a path is offered",
    async run({ page, expect, login, axe, cli }) {
      makePage(cli, "/rows", { "tags:json": '["a","b"]', "see:reference": "/about" });
      await login();
      await page.goto("/rows/@@manage/edit");
      const tags = page.locator("fieldset", { hasText: "tags" });
      expect.equal(await tags.locator("textarea").count(), 2);
      await tags.getByRole("button", { name: "Remove a" }).click();
      await tags.getByRole("button", { name: "Add to tags" }).click();
      await page.keyboard.type("c");
      await page.getByLabel("see", { exact: true }).fill("/inde");
      await page.waitForSelector("datalist option[value='/index']", { state: "attached" });
      await axe();
      await page.getByLabel("see", { exact: true }).fill("/index");
      await page.click(".main-action");
      await page.waitForSelector(".message.good");
      expect.deepEqual(await tags.locator("textarea").evaluateAll((all) => all.map((area) => area.value)), ["b", "c"]);
      expect.equal(await page.getByLabel("see", { exact: true }).inputValue(), "/index");
    },
  },
  {
    name: "the same line is shown side by side, and saved as one chooses",
    async run({ page, expect, login, axe, cli }) {
      makePage(cli, "/clash");
      await login();
      await page.goto("/clash/@@manage/edit");
      await append(page, "Text", "mine\n");
      cli(["set", "/clash", "body=their one\ntwo\nthree\nfour\nfive\ntheirs\n"]);
      await page.click(".main-action");
      await page.waitForSelector("text=Nothing is saved yet");
      await axe();
      await page.waitForSelector(".clash >> text=theirs");
      const result = await page.locator("textarea[name^='v.'].markup").inputValue();
      expect.equal(result, "their one\ntwo\nthree\nfour\nfive\nmine\n");
      await page.click(".main-action");
      await page.waitForSelector("text=Changed body of /clash.");
      expect.equal(await page.locator("textarea.markup").inputValue(), result);
    },
  },
  {
    name: "it is saved in a new version, and the public page stays",
    async run({ page, expect, login, axe, cli }) {
      makePage(cli, "/public");
      await login();
      await page.goto("/public/@@manage/edit");
      await page.getByLabel("Title").fill("Unseen");
      await page.click("text=Save in a new version…");
      await axe();
      await page.getByLabel("Name of the version").fill("unseen");
      await page.click("text=Save there");
      await page.waitForURL(/\/@v\/unseen\/public\/@@manage\/edit/);
      expect.equal(await page.getByLabel("Title").inputValue(), "Unseen");
      await page.goto("/public/@@manage/edit");
      expect.equal(await page.getByLabel("Title").inputValue(), "Garden");
    },
  },
  {
    name: "whoever leaves what is not saved is asked",
    async run({ page, expect, login, cli }) {
      makePage(cli, "/leave");
      await login();
      await page.goto("/leave/@@manage/edit");
      await page.getByLabel("Title").pressSequentially("!");
      const asked = page.waitForEvent("dialog");
      await page.goto("/about/@@manage/edit");
      expect.equal((await asked).type(), "beforeunload");
    },
  },
  {
    name: "what was typed is there again after the session ended",
    async run({ page, context, expect, login, axe, cli }) {
      makePage(cli, "/ended", { "tags:json": '["a"]' });
      await login();
      await page.goto("/ended/@@manage/edit");
      await append(page, "Text", "typed with care\n");
      await page.getByRole("button", { name: "Add to tags" }).click();
      await page.keyboard.type("b");
      await context.clearCookies();
      await page.click(".main-action");
      await page.waitForSelector("[name=password]");
      await login();
      cli(["set", "/ended", "title=Changed meanwhile"]);
      await page.goto("/ended/@@manage/edit");
      await axe();
      await page.click("text=Put it in again");
      await page.click(".main-action");
      await page.waitForSelector("text=Changed body and tags of /ended.");
      expect.match(await page.locator("textarea.markup").inputValue(), /typed with care/);
      expect.equal(await page.getByLabel("Title").inputValue(), "Changed meanwhile");
      await page.waitForSelector("text=that was not saved", { state: "hidden" });
    },
  },
  {
    name: "a template is edited as a program, which Escape and Tab leave",
    async run({ page, expect, login, axe, cli }) {
      cli(["add", "/made.html", "--type", "template", "--set", "source=<p>made</p>"]);
      await login();
      await page.goto("/made.html/@@manage/edit");
      if (await hasEditor(page)) {
        await page.click(".cm-content");
        await page.keyboard.press("Tab");
        expect.ok(await page.evaluate(() => Boolean(document.activeElement.closest(".cm-editor"))), "Tab indents");
        await page.keyboard.press("Escape");
        await page.keyboard.press("Tab");
        expect.equal(await page.evaluate(() => Boolean(document.activeElement.closest(".cm-editor"))), false);
      }
      await axe();
      await append(page, "Source", "<b>more</b>");
      await page.keyboard.press("Control+s");
      await page.waitForSelector("text=Changed source of /made.html.");
    },
  },
  {
    name: "without scripts a list is changed in its rows, and a text previewed on a page",
    js: false,
    async run({ page, context, expect, login, cli }) {
      makePage(cli, "/quiet", { "tags:json": '["a","b"]' });
      await login();
      await page.goto("/quiet/@@manage/edit");
      const rows = page.locator("fieldset", { hasText: "tags" }).locator("textarea");
      expect.equal(await rows.count(), 4);
      await rows.nth(0).fill("");
      await rows.nth(2).fill("c");
      const opened = context.waitForEvent("page");
      await page.click("text=Preview");
      const preview = await opened;
      await preview.waitForSelector("text=Preview of Text");
      await preview.close();
      await page.click(".main-action");
      await page.waitForSelector("text=Changed tags of /quiet.");
      expect.equal(await rows.nth(1).inputValue(), "c");
      await page.click("text=Save in a new version…");
      await page.waitForSelector("text=Nobody else sees what you change there");
    },
  },
];
