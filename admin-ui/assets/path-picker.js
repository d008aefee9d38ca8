// Fields for paths: chosen from the tree.
for (const field of document.querySelectorAll("[data-pick-path]")) {
  const input = /** @type {HTMLInputElement} */ (field.querySelector("input"));
  const top = /** @type {HTMLElement} */ (field).dataset.pickPath ?? "";
  const before = top.replace(/\/@@[^/]*$/, "");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Choose…";
  button.addEventListener("click", () => open(input, before));
  field.append(button);
}

/** @param {HTMLInputElement} input @param {string} before what all paths of the line begin with */
function open(input, before) {
  const tree = document.querySelector("nav.tree");
  if (!tree) return;
  const dialog = document.createElement("dialog");
  dialog.className = "picker";
  dialog.setAttribute("aria-label", "Choose a place");
  const title = document.createElement("h2");
  title.textContent = "Choose a place";
  const shown = /** @type {HTMLElement} */ (tree.cloneNode(true));
  shown.setAttribute("aria-label", "Places");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Cancel";
  close.addEventListener("click", () => dialog.close());
  const actions = document.createElement("div");
  actions.className = "actions";
  actions.append(close);
  dialog.append(title, shown, actions);
  dialog.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest("a.to");
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    const path = decodeURIComponent(new URL(link.href).pathname.slice(before.length).replace(/\/@@.*$/, ""));
    input.value = path === "" ? "/" : path;
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    input.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}
