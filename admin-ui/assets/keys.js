// Keys, and the sheet that shows them. One key goes where a link of the page goes, so that no key leads elsewhere.
import { openFinder } from "./finder.js";

const TO = { c: "contents", e: "edit", h: "history", a: "acquisition", s: "security", u: "undo", v: "versions" };
const SHEET = [
  [["Ctrl K", "/"], "find and open an object"],
  [["g", "c"], "contents"],
  [["g", "e"], "edit"],
  [["g", "h"], "history"],
  [["g", "a"], "acquisition"],
  [["g", "s"], "security"],
  [["g", "u"], "undo page"],
  [["g", "v"], "versions"],
  [["g", "p"], "the container"],
  [["t"], "to the tree; there ↑ ↓ go on, → ← open and close"],
  [["z"], "take back what was just done, or do it again"],
  [["Ctrl S"], "save the form"],
  [["Esc"], "close what is open"],
  [["?"], "this sheet"],
];
/** @type {HTMLDialogElement | undefined} */
let sheet;
let begun = 0;

export function openKeys() {
  if (!sheet) {
    sheet = document.createElement("dialog");
    sheet.setAttribute("aria-labelledby", "keys-title");
    sheet.innerHTML = `<h2 id="keys-title">Keys</h2><dl class="keys"></dl>`;
    const list = sheet.querySelector("dl");
    for (const [keys, does] of SHEET) {
      const dt = document.createElement("dt");
      for (const key of keys) {
        const kbd = document.createElement("kbd");
        kbd.textContent = key;
        dt.append(kbd, " ");
      }
      const dd = document.createElement("dd");
      dd.textContent = does;
      list.append(dt, dd);
    }
    const close = document.createElement("form");
    close.method = "dialog";
    close.innerHTML = "<button autofocus>Close</button>";
    sheet.append(close);
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
    document.body.append(sheet);
  }
  sheet.showModal();
}

/** @param {string} page */
function linkTo(page) {
  const links = [...document.querySelectorAll(".tabs a, .side nav a")];
  return links.find((link) => link.pathname.endsWith(`/@@manage/${page}`));
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    return openFinder();
  }
  const at = /** @type {HTMLElement} */ (event.target);
  const writes = at.isContentEditable || at.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const second = Date.now() - begun < 1500;
  begun = 0;
  if (second) {
    const crumbs = document.querySelectorAll(".crumbs a");
    const link = event.key === "p" ? crumbs[crumbs.length - 2] : linkTo(TO[event.key]);
    if (link) {
      event.preventDefault();
      location.href = link.href;
    }
    return;
  }
  if (event.key === "g") begun = Date.now();
  else if (event.key === "/") openFinder();
  else if (event.key === "?") openKeys();
  else if (event.key === "z") document.querySelector("[data-undo]")?.click();
  else if (event.key === "t") (document.querySelector(".tree [aria-current]") ?? document.querySelector(".tree a.to"))?.focus();
  else return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-open=keys]")) {
  button.removeAttribute("hidden");
  button.addEventListener("click", openKeys);
}
