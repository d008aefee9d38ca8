// Users and groups: added, found, changed, logged out, deleted and brought back.
export const flows = [
  {
    name: "a user is added, chooses a password by the link, and is logged out from elsewhere",
    async run({ page, expect, login, axe, context, base }) {
      await login();
      await page.goto("/@@manage/users");
      await axe();
      await page.click("text=Add a user");
      await axe();
      await page.fill("#name", "ed");
      await page.fill("#title", "Cay <i>Example</i>");
      await page.click("button:text('Add the user')");
      await page.waitForSelector(".wrong:has-text('already')");
      await axe();
      expect.equal(await page.inputValue("#title"), "Cay <i>Example</i>", "what was typed is kept");
      await page.fill("#name", "cay");
      await page.check("input[name=role][value=Editor]");
      await page.click("button:text('Add the user')");
      await page.waitForSelector(".message:has-text('Added user cay')");
      await axe();
      const link = await page.textContent("[data-whole-address]");
      expect.ok(link.startsWith(base), link);
      const other = await context.browser().newContext({ baseURL: base });
      const cay = await other.newPage();
      await cay.goto(link);
      await cay.fill("#password", "correct horse");
      await cay.fill("#again", "correct horse");
      await cay.click("button.main");
      await cay.waitForURL((url) => !url.pathname.includes("@@welcome"));
      expect.equal((await cay.goto("/@@manage/acquisition")).status(), 200);
      await page.goto("/@@manage/users?q=cay");
      await page.click("th a:text('cay')");
      await page.waitForSelector("text=Chrome on Linux");
      await axe();
      await page.click("text=Log out everywhere");
      await page.waitForSelector("text=cay is not logged in anywhere");
      await cay.goto("/@@manage/acquisition");
      expect.match(cay.url(), /@@login/);
      await other.close();
    },
  },
  {
    name: "a group gives roles to its members",
    async run({ page, expect, login, axe, cli }) {
      cli(["user", "add", "ben", "--full-name", "Ben Becker"]);
      await login();
      await page.goto("/@@manage/users/groups");
      await axe();
      await page.click("text=Add a group");
      await page.fill("#name", "staff");
      await page.check("input[name=role][value=Editor]");
      await page.click("button:text('Add the group')");
      await page.waitForSelector(".message:has-text('Added group staff')");
      await page.fill("#who", "becker");
      await page.press("#who", "Enter");
      await page.click("button[aria-label='Take in ben']");
      await page.waitForSelector(".message:has-text('Took ben into group staff')");
      await axe();
      await page.goto("/@@manage/security/why?who=ben&permission=Edit+content");
      expect.match(await page.textContent(".verdict"), /ben has the role Editor, which may/);
      await page.waitForSelector("text=through the group staff");
    },
  },
  {
    name: "a user is deleted after it is said what stays, and a folder has users of its own; without scripts",
    js: false,
    async run({ page, expect, login, cli }) {
      cli(["user", "add", "dan"]);
      cli(["mkdir", "/section"]);
      cli(["owner", "/section", "dan"]);
      cli(["user", "add", "eve", "--in", "/section", "--role", "Manager"]);
      await login();
      await page.goto("/@@manage/users/user/dan");
      await page.click("text=Delete…");
      await page.waitForSelector("text=Owns 1 object, which stays with an owner who is gone.");
      await page.click("button:text('Delete dan')");
      await page.waitForSelector(".message:has-text('Deleted user dan.')");
      await page.click("text=Users of other folders");
      await page.click("td a:text('/section')");
      await page.waitForSelector("text=eve");
      expect.match(await page.textContent("main"), /count in \/section and below, and nowhere else/);
    },
  },
  {
    name: "what happened to accounts is listed",
    async run({ page, login, axe }) {
      await login();
      await page.goto("/@@manage/users/log");
      await page.waitForSelector("text=Logged in");
      await axe();
      await page.goto("/@@manage/users/elsewhere");
      await axe();
    },
  },
];
