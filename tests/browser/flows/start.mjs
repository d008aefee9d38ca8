// The first start: from a server that was just started to a site of one's own files.
export const start = true;

export const flows = [
  {
    name: "whoever sits at the machine becomes the administrator and brings a folder of files in",
    // The form that is refused is sent by a script.
    complaints: [/status of 422/],
    async run({ page, expect, axe, folder }) {
      const fs = await import("node:fs");
      await page.goto("/@@manage");
      expect.match(page.url(), /@@welcome\?key=/);
      await page.fill("[name=name]", "admin");
      await page.fill("[name=password]", "admin-password");
      await page.fill("[name=again]", "admin-password");
      await page.press("[name=again]", "Enter");
      await page.waitForURL(/@@manage\/start$/);
      expect.equal(await page.textContent("h1"), "Welcome, admin");
      await axe();
      // No archive: the field says so, and what was chosen stays.
      fs.writeFileSync(`${folder}/no.zip`, "this is no archive");
      await page.check("[name=policy][value=sandbox]");
      await page.setInputFiles("#archive", `${folder}/no.zip`);
      await page.click("button:text-is('Import')");
      await page.waitForSelector("#archive-wrong");
      expect.ok(await page.isChecked("[name=policy][value=sandbox]"));
      await axe();
      // A folder: packed in the browser.
      fs.mkdirSync(`${folder}/mine/sub`, { recursive: true });
      fs.writeFileSync(`${folder}/mine/index.html`, "<title>Mine</title><h1>My own site</h1>");
      fs.writeFileSync(`${folder}/mine/sub/größe.txt`, "x".repeat(100_000));
      await page.check("[name=policy][value=clean]");
      await page.setInputFiles("#folder", `${folder}/mine`);
      await page.click("button:text-is('Import')");
      await page.waitForSelector(".message.good:has-text('Imported 2 files')");
      await axe();
      await page.click("a:text('Look at /')");
      expect.equal(await page.title(), "Mine");
      await page.goto("/sub/gr%C3%B6%C3%9Fe.txt");
      expect.equal((await page.textContent("body")).trim().length, 100_000);
    },
  },
];
