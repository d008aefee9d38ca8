// Quick open: Ctrl-K, type, Enter.
const url = document.body.dataset.find;
/** @type {HTMLDialogElement | undefined} */
let dialog;
/** @type {AbortController | undefined} */
let asking;

function build() {
  dialog = document.createElement("dialog");
  dialog.className = "finder";
  dialog.setAttribute("aria-label", "Find and open");
  dialog.innerHTML = `<input type="text" role="combobox" aria-expanded="true" aria-controls="found" aria-autocomplete="list"
    aria-label="Name, title, type, or a path that begins with /" placeholder="Name, title, type, or /path" autocomplete="off">
    <ol id="found" role="listbox" aria-label="Found"></ol><p class="soft small" role="status"></p>`;
  document.body.append(dialog);
  const input = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(input.value), 90);
  });
  input.addEventListener("keydown", (event) => {
    const options = [...dialog.querySelectorAll("[role=option]")];
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(options, Math.min(at + 1, options.length - 1));
    else if (event.key === "ArrowUp") choose(options, Math.max(at - 1, 0));
    else if (event.key === "Enter" && options[at]) location.href = /** @type {HTMLElement} */ (options[at]).dataset.url;
    else if (event.key === "Tab" && input.value.startsWith("/") && options[at] && !event.shiftKey) {
      input.value = /** @type {HTMLElement} */ (options[at]).dataset.path.replace(/\/?$/, "/");
      ask(input.value);
    } else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    const option = /** @type {Element} */ (event.target).closest("[role=option]");
    if (option instanceof HTMLElement) location.href = option.dataset.url;
  });
}

/** @param {Element[]} options @param {number} at */
function choose(options, at) {
  options.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
  options[at]?.scrollIntoView({ block: "nearest" });
  dialog.querySelector("input").setAttribute("aria-activedescendant", options[at]?.id ?? "");
}

/** @param {string} text */
async function ask(text) {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(`${url}?json=1&q=${encodeURIComponent(text)}`, { signal: asking.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
  } catch (error) {
    if (error.name !== "AbortError") dialog.querySelector("[role=status]").textContent = "The server did not answer.";
  }
}

function show({ found, whole, recent }) {
  const options = found.map((one, number) => {
    const option = document.createElement("li");
    option.role = "option";
    option.id = `found-${number}`;
    option.dataset.url = one.url;
    option.dataset.path = one.path;
    const title = document.createElement("span");
    title.textContent = one.title;
    const where = document.createElement("span");
    where.className = "soft small";
    where.textContent = `${one.path} · ${one.type}`;
    option.append(title, where);
    return option;
  });
  dialog.querySelector("ol").replaceChildren(...options);
  choose(options, 0);
  let said = recent ? "What you changed last" : `${found.length} found`;
  if (!found.length) said = recent ? "Type a name, a title or a path" : "Nothing that you may see has this in its name or title";
  if (!whole) said += "; there is more than could be looked through";
  dialog.querySelector("[role=status]").textContent = said;
}

export function openFinder() {
  if (!dialog) build();
  if (!dialog.open) dialog.showModal();
  const input = dialog.querySelector("input");
  input.select();
  ask(input.value);
}

document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("[data-open=finder]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  openFinder();
});
