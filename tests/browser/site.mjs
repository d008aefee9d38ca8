// A site to be looked at in a browser, and the browser.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

/** What looks for barriers in a page. */
export const axeSource = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () => chromium.launch({ executablePath: process.env.BOUGH_TEST_BROWSER, args: ["--no-sandbox"] });

/** A site of its own, with an administrator and an editor; `start`: as a new one is, without users. */
export async function serve(bough, { start = false } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "bough-flows-"));
  const data = path.join(folder, "data");
  const cli = (args, input = "") => execFileSync(bough, ["--data", data, ...args], { input, encoding: "utf8" });
  const server = spawn(bough, ["--data", data, "serve", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const base = await new Promise((resolve, reject) => {
    const look = (text) => {
      printed += text;
      const found = printed.match(/at (http:\/\/[0-9.:]+)\//);
      if (found) resolve(found[1]);
    };
    server.stdout.on("data", look);
    server.stderr.on("data", look);
    server.on("exit", () => reject(new Error(`the server ended:\n${printed}`)));
  });
  if (!start) {
    cli(["user", "add", "admin", "--role", "Manager", "--full-name", "Ada Admin", "--password-stdin"], "admin-password\n");
    cli(["user", "add", "ed", "--role", "Editor", "--full-name", "Ed Editor", "--password-stdin"], "ed-password\n");
  }
  const stop = async () => {
    server.removeAllListeners("exit");
    const ended = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGINT");
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { base, cli, folder, stop, printed: () => printed };
}

/** Logs in by the form. */
export async function logIn(page, base, user = "admin") {
  await page.goto(`${base}/@@login?next=/@@manage`);
  await page.fill("[name=name]", user);
  await page.fill("[name=password]", `${user}-password`);
  await page.press("[name=password]", "Enter");
  await page.waitForURL((url) => !url.pathname.endsWith("@@login"));
}
