// Runs flows in a real browser: `node run.mjs BOUGH [FAMILY ...]`. Each family of flows (`FAMILY.mjs`) has a site of its own.
//
// A flow fails when something that it expects is not so, when the browser complains on its console, when a script that
// somebody wrote into the site opens a dialog, and when axe finds a barrier on a page that the flow has it look at.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { axeSource, launch, logIn, serve } from "../site.mjs";
import { looksWhenWhole } from "../whole.mjs";

const [bough, ...wanted] = process.argv.slice(2);
const here = import.meta.dirname;
const full = process.env.BOUGH_TEST_SCALE === "full";
// For how many milliseconds every script is held back: finds flows that act before a page is ready, as on a busy machine.
const scriptsLate = Number(process.env.BOUGH_TEST_SCRIPTS_LATE ?? 0);

/** Runs one flow in a browser that nobody used before. */
async function run(browser, site, flow) {
  const complaints = [];
  const context = await browser.newContext({
    javaScriptEnabled: flow.js !== false,
    viewport: flow.narrow ? { width: 390, height: 844 } : { width: 1280, height: 900 },
    acceptDownloads: true,
    // What is still fading in has too little contrast.
    reducedMotion: "reduce",
    baseURL: site.base,
  });
  context.setDefaultTimeout(15_000);
  const watch = (page) => {
    looksWhenWhole(page);
    page.on("console", (message) => {
      // A page with a status of its own is what a flow may be after; what a page needs must be there.
      // A site need not have an icon.
      if (message.location().url.endsWith("/favicon.ico")) return;
      const isPage = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
      if (message.type() === "error" && !isPage && !flow.complaints?.some((known) => known.test(message.text()))) {
        complaints.push(`console at ${page.url()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => complaints.push(`script at ${page.url()}: ${error.message}`));
    page.on("dialog", (dialog) => {
      // Leaving a page with unsaved changes asks; nothing else does.
      if (dialog.type() !== "beforeunload") complaints.push(`dialog at ${page.url()}: ${dialog.message()}`);
      dialog.accept().catch(() => {});
    });
  };
  context.on("page", watch);
  if (scriptsLate) {
    await context.route("**/*.js*", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, scriptsLate));
      await route.continue().catch(() => {});
    });
  }
  const page = await context.newPage();
  const axe = async (on = page) => {
    if (flow.js === false) return;
    await on.waitForLoadState("load");
    await on.evaluate(axeSource);
    const { violations } = await on.evaluate(() => globalThis.axe.run());
    const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    assert.deepEqual(told, [], `barriers at ${on.url()}`);
  };
  const login = (user = "admin", on = page) => logIn(on, site.base, user);
  try {
    await flow.run({ page, context, base: site.base, cli: site.cli, printed: site.printed, folder: site.folder, expect: assert, login, axe, full });
    assert.deepEqual(complaints, [], "the browser complains of nothing");
  } catch (error) {
    const shot = path.join(os.tmpdir(), `bough-flow-failed.png`);
    await page.screenshot({ path: shot, fullPage: true }).catch(() => {});
    error.message = `${error.message}\n  at ${page.url()}; complaints: ${complaints.join("; ") || "none"}; seen: ${shot}`;
    throw error;
  } finally {
    await context.close();
  }
}

const families = fs.readdirSync(here).filter((name) => name.endsWith(".mjs") && name !== "run.mjs").map((name) => name.slice(0, -4)).sort();
const browser = await launch();
let failed = 0;
let passed = 0;
for (const family of families.filter((name) => !wanted.length || wanted.includes(name))) {
  const { flows, start } = await import(path.join(here, `${family}.mjs`));
  const site = await serve(bough, { start });
  try {
    for (const flow of flows.filter((flow) => full || !flow.full)) {
      const began = Date.now();
      try {
        await run(browser, site, flow);
        passed += 1;
        console.log(`ok    ${family}: ${flow.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed += 1;
        console.log(`FAILS ${family}: ${flow.name}\n${error.stack}`);
      }
    }
  } finally {
    await site.stop();
  }
}
await browser.close();
console.log(`${passed} flows passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
