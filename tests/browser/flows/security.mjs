// Who may do what: a colleague gets rights in one folder, permissions are changed, and questions are answered.

/** A folder that only managers see, with a page in it. */
function closed(cli, name) {
  cli(["mkdir", `/${name}`]);
  cli(["add", "-t", "page", "-s", "title=Minutes", "-s", "body=private", `/${name}/minutes`]);
  cli(["permission", "set", `/${name}`, "View", "--roles", "Manager"]);
}

export const flows = [
  {
    name: "a colleague gets a role in one folder, and nowhere else; taken back from the message",
    async run({ page, expect, login, axe, cli, context, base }) {
      closed(cli, "board");
      cli(["user", "add", "ann", "--full-name", "Ann <b>Example</b>", "--password-stdin"], "ann-password\n");
      const other = await context.browser().newContext({ baseURL: base });
      const ann = await other.newPage();
      await login("ann", ann);
      expect.notEqual((await ann.goto("/board/minutes")).status(), 200);
      await login();
      await page.goto("/board/@@manage/security");
      await axe();
      await page.fill("#who", "an");
      await page.waitForSelector("#people-found option[value=ann]", { state: "attached" });
      await page.press("#who", "Enter");
      await page.waitForURL(/who=an/);
      await page.click("label:has-text('Ann <b>Example</b>')");
      await page.click("#give label:has-text('Manager')");
      await axe();
      await page.click("button:text('Give the roles')");
      await page.waitForSelector(".message.good:has-text('Gave ann the role Manager at /board.')");
      await axe();
      expect.equal((await ann.goto("/board/minutes")).status(), 200);
      expect.equal((await ann.goto("/board/@@manage/security")).status(), 200);
      expect.equal((await ann.goto("/@@manage/users")).status(), 403);
      await page.click("button[aria-label='Take away the roles of ann']");
      await page.waitForSelector(".message:has-text('Took the roles of ann at /board.')");
      expect.notEqual((await ann.goto("/board/minutes")).status(), 200);
      await other.close();
    },
  },
  {
    name: "a permission is looked at before it is set, by keys alone",
    async run({ page, expect, login, axe, cli }) {
      closed(cli, "council");
      await login();
      await page.goto("/council/@@manage/security");
      await page.focus("a[aria-label='Change who has View']");
      await page.keyboard.press("Enter");
      await page.waitForURL(/permission\/View/);
      await axe();
      await page.focus("input[name=role][value=Editor]");
      await page.keyboard.press("Space");
      await page.focus("button:text('See what changes')");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#effect:has-text('Of the users here, ed gains it.')");
      await axe();
      await page.focus("button:text('Set it so')");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".message:has-text('to exactly Editor, Manager')");
      await page.waitForSelector("text=Undo");
    },
  },
  {
    name: "why somebody may not do something leads to where it is changed, without scripts",
    js: false,
    async run({ page, expect, login, cli }) {
      closed(cli, "vault");
      await login();
      await page.goto("/vault/minutes/@@manage/security");
      await page.click("text=Why can or can’t somebody do something here?");
      await page.fill("#who", "ed");
      await page.selectOption("#permission", "View");
      await page.click("button:text('Ask')");
      await page.waitForSelector(".verdict.no:has-text('only Manager may, and ed has no such role here')");
      await page.click("text=/Let only .* have it at \\/vault/");
      await page.waitForSelector("#effect:has-text('ed gains it')");
      expect.match(page.url(), /\/vault\/@@manage\/security\/permission\/View\?way=only/);
    },
  },
  {
    name: "who may not say who may do what finds no way to it",
    complaints: [/403/],
    async run({ page, expect, login, axe }) {
      await login("ed");
      expect.equal((await page.goto("/@@manage/security")).status(), 403);
      await axe();
      expect.equal(await page.locator("nav a:text-is('Security')").count(), 0);
      expect.equal(await page.locator("nav a:text-is('Users')").count(), 0);
    },
  },
];
