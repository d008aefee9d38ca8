// Branches of the tree open where they are.
document.addEventListener("click", async (event) => {
  const fold = /** @type {Element} */ (event.target).closest("a.fold[data-branch]");
  if (!(fold instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const item = /** @type {HTMLElement} */ (fold.closest("li"));
  const shown = item.querySelector(":scope > ul");
  const open = fold.getAttribute("aria-expanded") !== "true";
  if (shown) shown.toggleAttribute("hidden", !open);
  else {
    fold.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(/** @type {string} */ (fold.dataset.branch));
      if (!answer.ok) throw new Error(answer.statusText);
      item.insertAdjacentHTML("beforeend", await answer.text());
    } catch {
      location.href = fold.href;
      return;
    } finally {
      fold.removeAttribute("aria-busy");
    }
  }
  fold.setAttribute("aria-expanded", String(open));
  fold.textContent = open ? "▾" : "▸";
});

// Space does what it does to buttons.
document.addEventListener("keydown", (event) => {
  const fold = /** @type {Element} */ (event.target);
  if (event.key === " " && fold.matches("a.fold")) {
    event.preventDefault();
    /** @type {HTMLElement} */ (fold).click();
  }
});

// In the tree the arrows go from row to row, and open and close branches.
document.addEventListener("keydown", (event) => {
  const at = /** @type {Element} */ (event.target).closest(".tree a");
  if (!at || event.ctrlKey || event.altKey || event.metaKey) return;
  const rows = [...document.querySelectorAll(".tree a.to")].filter((row) => row.checkVisibility());
  const row = /** @type {HTMLElement} */ (at.closest(".row").querySelector("a.to"));
  const fold = at.closest(".row").querySelector("a.fold");
  const number = rows.indexOf(row);
  const open = fold?.getAttribute("aria-expanded") === "true";
  if (event.key === "ArrowDown") rows[number + 1]?.focus();
  else if (event.key === "ArrowUp") rows[number - 1]?.focus();
  else if (event.key === "ArrowRight" && fold && !open) fold.click();
  else if (event.key === "ArrowRight") rows[number + 1]?.focus();
  else if (event.key === "ArrowLeft" && fold && open) fold.click();
  else if (event.key === "ArrowLeft") at.closest("ul")?.closest("li")?.querySelector("a.to")?.focus();
  else return;
  event.preventDefault();
});

// Where the tree stands beside the page it is always there, and says so to those who do not see that.
const side = document.querySelector(".side > details");
if (side instanceof HTMLDetailsElement) {
  const isBeside = matchMedia("(min-width: 60.01rem)");
  const follow = () => {
    side.open = isBeside.matches;
  };
  follow();
  isBeside.addEventListener("change", follow);
}
