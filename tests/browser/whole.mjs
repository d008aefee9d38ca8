// Whoever looks at a page, or types, does so when the page and its scripts are there.
//
// Playwright waits for an element that is to be clicked or filled, but not before it counts, asks what is visible or
// presses a key: on a busy machine that is a page half read, whose scripts did not run yet. People look at whole pages.

const LOOKS = ["allInnerTexts", "allTextContents", "count", "evaluateAll", "inputValue", "isChecked", "isVisible", "textContent"];

/** Makes `of[name]` wait until the page that `pageOf` tells is loaded. */
function afterLoad(of, name, pageOf) {
  const act = of[name];
  of[name] = async function (...given) {
    await pageOf(this).waitForLoadState("load");
    return act.apply(this, given);
  };
}

const patched = new WeakSet();

/** Makes looking at `page` and typing there wait until it is loaded, also by locators. */
export function looksWhenWhole(page) {
  for (const name of ["isVisible", "isChecked", "inputValue"]) afterLoad(page, name, () => page);
  for (const name of ["press", "type"]) afterLoad(page.keyboard, name, () => page);
  const locators = Object.getPrototypeOf(page.locator("html"));
  if (patched.has(locators)) return;
  patched.add(locators);
  for (const name of LOOKS) afterLoad(locators, name, (locator) => locator.page());
}
