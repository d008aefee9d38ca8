// The form of an object: what is not saved is not lost, Ctrl-S saves, rows are added, paths are offered, texts previewed.
import { enhance } from "./editor.js";
import { keepTyped } from "./typed.js";

/** @param {HTMLFormElement} form */
function guard(form) {
  const badge = form.querySelector(".unsaved");
  let unsaved = form.hasAttribute("data-unsaved");
  let leaving = false;
  const say = () => badge?.toggleAttribute("hidden", !unsaved);
  const changed = () => { unsaved = true; say(); };
  form.addEventListener("input", changed);
  form.addEventListener("bough:changed", changed);
  form.addEventListener("submit", (event) => {
    // A preview opens elsewhere; the form stays.
    if (/** @type {SubmitEvent} */ (event).submitter?.hasAttribute("formtarget")) return;
    leaving = true;
  });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("beforeunload", (event) => { if (unsaved && !leaving) event.preventDefault(); });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
      event.preventDefault();
      const act = document.activeElement?.closest(".pad") ? "version" : "save";
      form.requestSubmit(form.querySelector(`button[name=act][value="${act}"]`));
    }
  });
  form.querySelector(".save-keys")?.removeAttribute("hidden");
  say();
}

/** Rows are added and taken away by buttons. @param {HTMLElement} rows */
function growable(rows) {
  const list = /** @type {HTMLElement} */ (rows.querySelector(".row-list"));
  const label = rows.querySelector("legend")?.textContent ?? "";
  const pattern = /** @type {HTMLElement} */ (list.lastElementChild?.cloneNode(true));
  const button = (text, named) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    if (named) made.setAttribute("aria-label", named);
    return made;
  };
  const changed = () => rows.dispatchEvent(new Event("bough:changed", { bubbles: true }));
  const removable = (row) => {
    const remove = button("Remove", `Remove ${row.querySelector("textarea")?.value || "this row"}`);
    remove.className = "plain";
    remove.addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector("textarea") ?? add).focus();
      changed();
    });
    row.append(remove);
  };
  const isEmpty = (row) => [...row.querySelectorAll("textarea")].every((field) => !field.value);
  for (const row of [...list.children]) isEmpty(row) ? row.remove() : removable(row);
  const add = button("Add", `Add to ${label}`);
  add.className = "add-row";
  add.addEventListener("click", () => {
    const row = /** @type {HTMLElement} */ (pattern.cloneNode(true));
    for (const field of row.querySelectorAll("textarea")) field.value = "";
    removable(row);
    list.append(row);
    row.querySelector("textarea")?.focus();
    changed();
  });
  list.after(add);
}

/** Paths are offered while one types. @param {HTMLInputElement} input @param {string} url */
function offerPaths(input, url) {
  const list = document.createElement("datalist");
  list.id = `${input.id}-paths`;
  input.after(list);
  input.setAttribute("list", list.id);
  let asked = "";
  const offer = async () => {
    const typed = input.value || "/";
    if (!typed.startsWith("/") || typed === asked) return;
    asked = typed;
    const answer = await fetch(`${url}?path=${encodeURIComponent(typed)}`);
    if (!answer.ok || asked !== typed) return;
    const { paths } = await answer.json();
    list.replaceChildren(...paths.map(({ path, title }) => {
      const option = document.createElement("option");
      option.value = path;
      option.label = title;
      return option;
    }));
  };
  input.addEventListener("input", offer);
  input.addEventListener("focus", offer);
}

/** The preview stands beside the text and follows it. @param {HTMLButtonElement} button */
function livePreview(button) {
  const form = /** @type {HTMLFormElement} */ (button.form);
  const area = /** @type {HTMLTextAreaElement} */ (document.getElementById(button.dataset.previewOf ?? ""));
  button.setAttribute("aria-pressed", "false");
  /** @type {HTMLIFrameElement | undefined} */
  let frame;
  let waiting = 0;
  const refresh = async () => {
    if (!frame) return;
    const sent = new FormData(form);
    // Files are no part of a preview.
    for (const [name, value] of [...sent.entries()]) if (value instanceof File) sent.delete(name);
    sent.set("preview", button.value);
    const answer = await fetch(/** @type {string} */ (form.dataset.preview), { method: "POST", body: sent });
    if (answer.ok && frame) frame.srcdoc = (await answer.json()).page;
  };
  const later = () => { clearTimeout(waiting); waiting = setTimeout(refresh, 400); };
  const hide = () => {
    const beside = /** @type {HTMLElement} */ (frame?.parentElement);
    frame?.remove();
    frame = undefined;
    beside.replaceWith(...beside.children);
  };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (frame) hide();
    else {
      const text = area.parentElement?.classList.contains("editor-place") ? area.parentElement : area;
      const beside = document.createElement("div");
      beside.className = "with-preview";
      text.replaceWith(beside);
      frame = document.createElement("iframe");
      frame.className = "preview";
      frame.title = "Preview";
      frame.setAttribute("sandbox", "");
      beside.append(text, frame);
      refresh();
    }
    button.setAttribute("aria-pressed", String(Boolean(frame)));
    button.textContent = frame ? "Hide the preview" : "Preview";
  });
  form.addEventListener("input", later);
  form.addEventListener("bough:changed", later);
}

const form = document.querySelector("form.edit");
if (form instanceof HTMLFormElement) {
  guard(form);
  for (const rows of form.querySelectorAll(".rows")) growable(/** @type {HTMLElement} */ (rows));
  for (const input of form.querySelectorAll("[data-reference]")) {
    offerPaths(/** @type {HTMLInputElement} */ (input), form.dataset.paths ?? "");
  }
  for (const button of form.querySelectorAll("[data-preview-of]")) livePreview(/** @type {HTMLButtonElement} */ (button));
  keepTyped(form);
  if (form.dataset.editor) enhance(form, form.dataset.editor);
}
