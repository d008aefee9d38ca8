// What is in a folder: adding, uploading, putting in order, moving, deleting, taking back.
import fs from "node:fs";

/** A folder of its own for a flow, with pages in it. */
async function folder(page, name, pages = []) {
  await add(page, "", "folder", name);
  for (const one of pages) await add(page, `/${name}`, "page", one);
  await page.goto(`/${name}/@@manage`);
}

async function add(page, at, type, name) {
  await page.goto(`${at}/@@manage/add?type=${type}`);
  await page.fill("#title", `The ${name}`);
  await page.fill("#name", name);
  await page.click("main button:text-is('Add')");
  await page.waitForURL(new RegExp(`/${name}/@@manage`));
}

const names = (page) => page.$$eval("tr[data-name]", (rows) => rows.map((row) => row.dataset.name));
const tick = async (page, ...all) => {
  for (const name of all) await page.check(`input[name=of][aria-label="${name}"]`);
};
const said = (page) => page.textContent(".message p");

export const flows = [
  {
    name: "a page is added, renamed, moved, deleted and brought back by its message",
    async run({ page, expect, login, axe }) {
      await login();
      await folder(page, "flow-a", ["one"]);
      await add(page, "/flow-a", "folder", "sub");
      expect.match(await said(page), /^Added folder \/flow-a\/sub\./);
      await axe();
      await page.goto("/flow-a/@@manage");
      expect.deepEqual(await names(page), ["one", "sub"]);
      await axe();
      await tick(page, "one");
      await page.click("button:text-is('Rename')");
      await axe();
      await page.fill("input[name^=name-]", "first");
      await page.click("main button:text-is('Rename')");
      expect.equal(await said(page), "Renamed /flow-a/one to first.");
      await tick(page, "first");
      await page.click("button:text-is('Move to…')");
      await page.click("button:text-is('Choose…')");
      await page.locator("dialog .row", { hasText: "The flow-a" }).locator("a.fold").click();
      await page.click("dialog a.to:has-text('The sub')");
      expect.equal(await page.inputValue("#to"), "/flow-a/sub");
      await axe();
      await page.click("main button:text-is('Move')");
      expect.equal(await said(page), "Moved /flow-a/first to /flow-a/sub/first.");
      await tick(page, "sub");
      await page.click("button:text-is('Delete')");
      expect.match(await page.textContent("main h2"), /Delete “sub” with 1 object inside\?/);
      await axe();
      await page.click("main button:text-is('Delete')");
      expect.equal(await said(page), "Deleted /flow-a/sub.");
      await page.click("a:text-is('Deleted here')");
      await axe();
      await page.click("button:text-is('Put back')");
      expect.equal(await said(page), "Restored /flow-a/sub.");
      expect.deepEqual(await names(page), ["sub"]);
    },
  },
  {
    name: "what is cut in one tab is pasted in another",
    async run({ page, context, expect, login }) {
      await login();
      await folder(page, "flow-b", ["x", "y"]);
      const other = await context.newPage();
      await folder(other, "flow-b2");
      await other.waitForSelector("[data-paste]", { state: "hidden" });
      await tick(page, "x", "y");
      await page.click("button:text-is('Cut')");
      await other.click("button:text-is('Paste 2 objects')");
      await other.waitForURL(/did=/);
      expect.deepEqual(await names(other), ["x", "y"]);
      await page.reload();
      expect.deepEqual(await names(page), []);
      await page.waitForSelector("[data-paste]", { state: "hidden" });
    },
  },
  {
    name: "the order changes by dragging and by keys",
    async run({ page, expect, login }) {
      await login();
      await folder(page, "flow-c", ["a", "b", "c"]);
      await page.locator("tr[data-name=c] .handle").dragTo(page.locator("tr[data-name=a]"), { targetPosition: { x: 60, y: 3 } });
      await page.waitForURL(/did=/);
      expect.deepEqual(await names(page), ["c", "a", "b"]);
      await page.focus("input[aria-label=c]");
      await page.keyboard.press("Space");
      await page.focus(".above summary");
      await page.keyboard.press("Enter");
      await page.focus("button[value=last]");
      await page.keyboard.press("Enter");
      await page.waitForURL(/did=/);
      await page.waitForFunction(() => document.querySelector("tr[data-name]")?.dataset.name === "a");
      expect.deepEqual(await names(page), ["a", "b", "c"]);
    },
  },
  {
    name: "files are uploaded, also by dropping them on the list, and never overwrite in silence",
    async run({ page, expect, login, axe, folder: place }) {
      fs.writeFileSync(`${place}/note.txt`, "one");
      await login();
      await folder(page, "flow-d");
      await page.click("a:text-is('Upload')");
      await page.setInputFiles("input[type=file]", `${place}/note.txt`);
      await axe();
      await page.click("main button:text-is('Upload')");
      await page.waitForURL(/did=/);
      expect.equal(await said(page), "Uploaded /flow-d/note.txt.");
      const files = await page.evaluateHandle(() => {
        const dropped = new DataTransfer();
        dropped.items.add(new File(["two"], "note.txt", { type: "text/plain" }));
        return dropped;
      });
      await page.dispatchEvent("main", "drop", { dataTransfer: files });
      await page.waitForSelector("dialog[open] form");
      await axe();
      await page.click("dialog button:text-is('Upload')");
      await page.waitForURL(/did=/);
      await page.waitForSelector("tr[data-name='note-2.txt']");
      expect.deepEqual(await names(page), ["note.txt", "note-2.txt"]);
    },
  },
  {
    name: "scripts in names, titles and files do nothing",
    async run({ page, expect, login, axe, folder: place }) {
      const hostile = `<img src=x onerror=alert(1)>"'`;
      await login();
      await folder(page, "flow-e");
      await page.goto("/flow-e/@@manage/add?type=page");
      await page.fill("#title", hostile);
      await page.fill("#name", hostile.replaceAll("/", ""));
      await page.click("main button:text-is('Add')");
      fs.writeFileSync(`${place}/<b onclick=alert(2)>.txt`, "x");
      await page.goto("/flow-e/@@manage/upload");
      await page.setInputFiles("input[type=file]", `${place}/<b onclick=alert(2)>.txt`);
      await page.click("main button:text-is('Upload')");
      await page.waitForURL(/did=/);
      expect.equal((await names(page)).length, 2);
      await axe();
      await page.check("input[aria-label='Tick all on this page']");
      for (const button of ["Rename", "Copy to…", "Delete"]) {
        await page.click(`button:text-is("${button}")`);
        await page.waitForURL(/of=/);
        await axe();
        await page.goBack();
        await page.check("input[aria-label='Tick all on this page']");
      }
      await page.click("button:text-is('Copy')");
      await page.click("button[data-paste]");
      await page.waitForURL(/did=/);
      expect.equal((await names(page)).length, 4);
    },
  },
  {
    name: "everything goes without scripts, too",
    js: false,
    async run({ page, expect, login, folder: place }) {
      fs.writeFileSync(`${place}/plain.txt`, "one");
      await login();
      await folder(page, "flow-f", ["a", "b"]);
      await page.goto("/flow-f/@@manage/upload");
      await page.setInputFiles("input[type=file]", `${place}/plain.txt`);
      await page.click("main button:text-is('Upload')");
      expect.equal(await said(page), "Uploaded /flow-f/plain.txt.");
      await tick(page, "plain.txt");
      await page.click(".above summary");
      await page.click("button:text-is('To the beginning')");
      expect.deepEqual(await names(page), ["plain.txt", "a", "b"]);
      await page.click("a[aria-label='Tick all on this page']");
      await page.click("button:text-is('Delete')");
      await page.click("main button:text-is('Delete')");
      expect.match(await said(page), /^Deleted 3 objects from \/flow-f: plain.txt, a, b\./);
      await page.click("a:text-is('Deleted here')");
      await page.click("button[aria-label='Put back a']");
      expect.deepEqual(await names(page), ["a"]);
    },
  },
];
