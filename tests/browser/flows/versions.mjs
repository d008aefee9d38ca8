// Versions: made and entered, changed on both sides, settled, merged, taken back, and shown by a link.

/** Makes a version in the browser, and comes to its page inside it. */
async function make(page, title, name) {
  await page.goto("/@@manage/versions");
  if (!(await page.isVisible("#title"))) await page.click("#new summary");
  await page.fill("#title", title);
  if (name) await page.fill("#name", name);
  await page.click("button:has-text('Make the version')");
  await page.waitForURL(/\/@v\/[a-z-]+\/@@manage\/versions\//);
}

/** The page of a text both of whose lines changed. */
function clash(cli, version) {
  cli(["set", "/about", "body=first\nsecond\nthird\nfourth\nfifth\n"]);
  return () => {
    cli(["set", "/about", "body=first\nours\nthird\nfourth\nour fifth\n", "--version", version]);
    cli(["set", "/about", "body=first\ntheirs\nthird\nfourth\nfifth\n"]);
  };
}

export const flows = [
  {
    name: "a version is made, changed, settled, merged, and taken back from the message",
    async run({ page, expect, login, axe, cli }) {
      const change = clash(cli, "new-look");
      await login();
      await page.goto("/@@manage/versions");
      await axe();
      await make(page, "New look");
      expect.match(await page.textContent(".message"), /Opened version new-look/);
      expect.match(await page.textContent(".version-banner"), /You work in the version new-look/);
      await axe();
      change();
      await page.reload();
      expect.match(await page.textContent(".version-banner"), /1 object changed.*1 change behind.*1 of them also changed on the public site/s);
      await axe();
      await page.click("main .tabs a:has-text('Publish')");
      expect.match(await page.textContent("main"), /1 conflict has to be settled first/);
      await axe();
      await page.click("a:has-text('Settle them')");
      await axe();
      await page.click("a:has-text('Settle the next one')");
      await axe();
      await page.check("input[name=part0][value=both]");
      expect.ok(await page.isChecked("input[name=choice][value=lines]"), "choosing a line means that way out");
      await page.click("button:has-text('Try it')");
      await page.waitForLoadState("load");
      expect.equal(await page.inputValue("#result"), "first\nours\ntheirs\nthird\nfourth\nour fifth\n");
      await page.fill("#result", "first\nboth of us\nthird\nfourth\nour fifth\n");
      expect.ok(await page.isChecked("input[name=choice][value=text]"), "typing means a text of one's own");
      await page.click(".sticky-actions button:has-text('Settle it')");
      expect.match(await page.textContent("main"), /1 of 1 settled/);
      await axe();
      await page.click("a:has-text('Look at the merge')");
      await page.fill("#words", "the new look");
      await axe();
      await page.click("button:has-text('Merge 1 object')");
      expect.match(await page.textContent(".message"), /Merged version new-look into the public site: the new look/);
      expect.match(cli(["cat", "/about", "body"]), /both of us/);
      await page.click("[data-undo]");
      await page.waitForSelector(".message:has-text('Undid')");
      expect.match(cli(["cat", "/about", "body"]), /theirs/);
    },
  },
  {
    name: "a part is merged by ticking, another one is discarded",
    async run({ page, expect, login, axe, cli }) {
      await login();
      await make(page, "Parts", "parts");
      cli(["add", "/shop", "--type", "folder", "--version", "parts"]);
      cli(["add", "/shop/bikes", "--type", "folder", "--version", "parts"]);
      cli(["set", "/index", "title=Later", "--version", "parts"]);
      await page.reload();
      await page.click("button:has-text('Merge what is ticked')");
      await page.waitForSelector(".message:has-text('Tick the objects that you mean first')");
      await page.check("input[aria-label='Tick all on this page']");
      expect.equal(await page.locator("input[name=pick]:checked").count(), 3);
      await page.uncheck("input[aria-label='Tick all on this page']");
      await page.check("input[aria-label='/shop/bikes']");
      await page.click("button:has-text('Merge what is ticked')");
      expect.match(await page.textContent("main"), /Comes along\s*\/shop: what you ticked stands in it/);
      await axe();
      await page.click("button:has-text('Merge 2 objects')");
      await page.waitForSelector(".message:has-text('Merged a part of version parts')");
      await page.check("input[aria-label='/index']");
      await page.click("button:has-text('Discard what is ticked')");
      await axe();
      await page.click("button:has-text('Discard these changes')");
      await page.waitForSelector(".message:has-text('Discarded the changes of /index')");
    },
  },
  {
    name: "a preview link is made, copied, followed by a stranger, and taken back",
    async run({ page, context, expect, login, axe }) {
      await login();
      await make(page, "For a colleague", "shown");
      await page.click("main .tabs a:has-text('Preview links')");
      await axe();
      await page.fill("#label", "for Ana");
      await page.click("button:has-text('Make the link')");
      expect.match(await page.inputValue("#made"), /^https?:\/\/shown\.v\.[^/]+\/@@preview\/[0-9a-f-]+$/);
      await axe();
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.click("button:has-text('Copy')");
      expect.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.inputValue("#made"));
      await page.goto("/@@manage/versions/shown/links");
      expect.equal(await page.locator("#made").count(), 0, "it is shown only once");
      await page.click("button:has-text('Take back')");
      await page.waitForSelector(".message:has-text('The link shows nothing any more')");
      await page.click("main .tabs a:has-text('Settings')");
      await axe();
      await page.click("a:has-text('Discard the version')");
      await axe();
      await page.click("button:has-text('Discard the version')");
      await page.waitForSelector(".message:has-text('Discarded version shown')");
      await page.click("button:has-text('Open it again')");
      await page.waitForSelector(".message:has-text('Opened version shown again')");
    },
  },
  {
    name: "a conflict is settled without scripts, and by keys alone",
    js: false,
    async run({ page, expect, login, cli }) {
      const change = clash(cli, "plain");
      await login();
      await make(page, "Plain", "plain");
      change();
      await page.goto("/@@manage/versions/plain/conflicts");
      await page.focus("main a:has-text('Settle the next one')");
      await page.keyboard.press("Enter");
      await page.waitForURL(/conflicts\/[0-9a-f]+/);
      await page.focus("input[name=choice][value=ours]");
      await page.keyboard.press("Space");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".message:has-text('Settled: /about')");
      expect.match(await page.textContent("main"), /1 of 1 settled/);
    },
  },
  {
    name: "many conflicts are settled alike after a page that says what comes of it, one by a value of one's own",
    async run({ page, expect, login, axe, cli }) {
      for (const nth of [1, 2, 3]) cli(["add", `/many${nth}`, "--type", "page", "--set", "title=One"]);
      cli(["set", "/many1", "seats:int=1"]);
      await login();
      await make(page, "Many", "many");
      for (const [at, side] of [[["--version", "many"], "2"], [[], "3"]]) {
        for (const nth of [1, 2, 3]) cli(["set", `/many${nth}`, `title=Title ${side}`, ...at]);
        cli(["set", "/many1", `seats:int=${side}`, ...at]);
      }
      await page.goto("/@v/many/@@manage/versions/many");
      expect.match(await page.textContent(".version-banner"), /4 conflicts to settle/);
      await page.click("main .tabs a:has-text('Conflicts (4)')");
      await page.click("tr:has-text('its seats') a");
      await page.waitForURL(/conflicts\/[0-9a-f]{8}/);
      await page.fill("input[name='v.0']", "7");
      expect.ok(await page.isChecked("input[name=choice][value=value]"), "typing means a value of one's own");
      await axe();
      await page.click(".sticky-actions button:has-text('Settle it')");
      await page.goto("/@v/many/@@manage/versions/many/conflicts");
      await page.check("input[name=of][value=all]");
      await axe();
      await page.click("button:has-text('Keep ours')");
      expect.match(await page.textContent("main"), /Keep ours for 3 conflicts\?.*Nothing stands against a merge then/s);
      await axe();
      await page.click("button:has-text('Keep ours for 3 conflicts')");
      await page.waitForSelector(".message:has-text('3 conflicts settled.')");
      expect.match(await page.textContent("main"), /4 of 4 settled/);
      cli(["version", "merge", "many"]);
      expect.match(cli(["cat", "/many1", "seats"]), /7/);
    },
  },
  {
    name: "ticks go along from page to page and a folder is ticked as a whole, without scripts",
    js: false,
    async run({ page, expect, login, cli }) {
      await login();
      await make(page, "Folders", "folders");
      cli(["add", "/zoo", "--type", "folder", "--version", "folders"]);
      for (let nth = 10; nth < 62; nth++) cli(["add", `/zoo/a${nth}`, "--type", "page", "--version", "folders"]);
      cli(["set", "/index", "title=Later", "--version", "folders"]);
      await page.reload();
      await page.check("input[aria-label='/index']");
      await page.click("button:has-text('Next')");
      expect.match(await page.textContent("main"), /1 object is ticked on other pages/);
      await page.check("label:has-text('All below /zoo') input");
      await page.click("button:has-text('Before')");
      expect.ok(await page.isChecked("input[aria-label='/index']"));
      expect.ok(await page.isChecked("label:has-text('All below /zoo') input"));
      await page.uncheck("input[aria-label='/index']");
      await page.click("button:has-text('Merge what is ticked')");
      await page.click("button:has-text('Merge 53 objects')");
      await page.waitForSelector(".message:has-text('Merged a part of version folders')");
      expect.match(await page.textContent("main"), /\/index/);
    },
  },
  {
    name: "on a narrow screen nothing of the desk is cut off",
    narrow: true,
    async run({ page, expect, login, axe, cli }) {
      const change = clash(cli, "narrow");
      await login();
      await make(page, "Narrow", "narrow");
      change();
      await page.goto("/@@manage/versions/narrow/conflicts");
      await page.click("a:has-text('Settle the next one')");
      expect.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await axe();
    },
  },
  {
    name: "every page that a changed template shows otherwise is named before the merge",
    async run({ page, expect, login, axe, cli }) {
      for (let nth = 0; nth < 130; nth += 1) cli(["add", `/many-${nth}`, "--type", "page", "--set", "body=x"]);
      await login();
      await make(page, "New layout", "new-layout");
      const layout = cli(["cat", "/layout.html", "source"]);
      cli(["set", "/layout.html", `source=${layout.replace("<body", "<body data-new")}`, "--version", "new-layout"]);
      await page.goto("/@v/new-layout/@@manage/versions/new-layout/merge");
      await page.click("a:has-text('see every page that changes')");
      await page.waitForFunction(() => !document.querySelector("[data-go-on=next]"));
      await axe();
      const rows = await page.textContent("tbody");
      expect.match(rows, /\/about\s*looks different\s*\/layout.html/);
      expect.match(rows, /\/many-129/);
      expect.match(await page.textContent("main"), /Looked at \d+ pages: \d+ are different/);
      expect.ok((await page.locator("tbody tr").count()) > 130, "all rows were fetched");
      await page.click("a:has-text('Back to the merge')");
      expect.match(await page.textContent("main"), /Merging all of it changes 1 object/);
    },
  },
  {
    name: "looking for pages that change writes no failed requests into the log",
    async run({ page, expect, login, cli, printed }) {
      cli(["version", "create", "looking"]);
      cli(["set", "/style.css", "content_type=text/css", "--version", "looking"]);
      cli(["set", "/layout.html", "title=Layout", "--version", "looking"]);
      await login();
      await page.goto("/@@manage/versions/looking/pages");
      expect.match(await page.textContent("main"), /Looked at/);
      expect.doesNotMatch(printed(), /a request failed/);
    },
  },
  {
    name: "what was typed in a version is there again after the session ended",
    async run({ page, context, expect, login, cli }) {
      cli(["add", "/typed", "--type", "page", "--set", "title=Typed"]);
      cli(["version", "create", "typing"]);
      await login();
      const edit = "/@v/typing/typed/@@manage/edit";
      await page.goto(edit);
      await page.getByLabel("Title").fill("Typed with care");
      await context.clearCookies();
      await page.click(".main-action");
      await page.waitForSelector("[name=password]");
      await page.fill("[name=name]", "admin");
      await page.fill("[name=password]", "admin-password");
      await page.press("[name=password]", "Enter");
      await page.waitForURL((url) => decodeURIComponent(url.pathname) === edit);
      await page.click("text=Put it in again");
      await page.click(".main-action");
      await page.waitForSelector("text=Changed title of /typed.");
      expect.equal(await page.getByLabel("Title").inputValue(), "Typed with care");
    },
  },
  {
    name: "on a phone nothing of the lists and tabs is cut off",
    narrow: true,
    async run({ page, expect, login, axe, cli }) {
      cli(["version", "create", "phone", "--title", "Averylongtitlewithoutaspace".repeat(6)]);
      cli(["set", "/about", "title=Ours", "--version", "phone"]);
      cli(["set", "/about", "title=Theirs"]);
      cli(["version", "link", "phone", "--path", "/about", "--label", "For Ana, who looks at it on the way"]);
      cli(["add", "/a-task-with-a-long-name-for-narrow-places", "--type", "task", "--set", "run=set", "--set", "on:reference=/about", "--set", "when=at 20:00"]);
      await login();
      const one = "/@@manage/versions/phone";
      for (const at of ["/@@manage/versions", one, `${one}/conflicts`, `${one}/links`, `${one}/settings`, "/@@manage/schedule", "/a-task-with-a-long-name-for-narrow-places/@@manage/schedule"]) {
        await page.goto(at);
        const cut = await page.locator(".table, .tabs, .tabs a").evaluateAll((all) => all.filter((it) => it.scrollWidth > it.clientWidth + 1 || it.getBoundingClientRect().right > innerWidth).map((it) => it.className || it.textContent));
        expect.deepEqual(cut, [], at);
        await axe();
      }
    },
  },
];
