// Listings: tick all, the browser's clipboard, order by dragging, files dropped in.
import { sendFiles } from "./upload.js";

/** @typedef {{ mode: "move" | "copy", of: string[], names: string[], from: string }} Clip */

const KEY = "bough-clipboard";

/** What was cut or copied, in whichever tab. @returns {Clip | null} */
function clip() {
  try {
    const held = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return held && Array.isArray(held.of) && held.of.length > 0 ? held : null;
  } catch {
    return null;
  }
}

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-contents]"));
if (form) start(form);

/** @param {HTMLFormElement} form */
function start(form) {
  const boxes = () => /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[name=of]")]);
  const ticked = () => boxes().filter((box) => box.checked);
  const label = form.querySelector("[data-chosen]");
  const act = [...form.querySelectorAll(".list-actions button:not([data-paste]), .list-actions summary")];
  const all = tickAll(form, boxes, () => shown());

  function shown() {
    const count = ticked().length;
    if (label) label.textContent = count === 0 ? "Tick what you mean:" : `${count} ticked:`;
    for (const button of act) button.classList.toggle("quiet", count === 0);
    if (all) {
      all.checked = count > 0 && count === boxes().length;
      all.indeterminate = count > 0 && count < boxes().length;
    }
  }
  form.addEventListener("change", shown);
  shown();
  ranges(form, boxes, shown);
  clipboard(form, ticked);
  if (form.hasAttribute("data-ordered")) dragging(form);
  if (form.dataset.uploadUrl) dropping(form, form.dataset.uploadUrl);
}

/** The link that ticks all becomes a box. @returns {HTMLInputElement | null} */
function tickAll(form, boxes, shown) {
  const link = form.querySelector("[data-tick-all]");
  if (!link || boxes().length === 0) return null;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Tick all on this page");
  link.replaceWith(all);
  all.addEventListener("change", (event) => {
    event.stopPropagation();
    for (const box of boxes()) box.checked = all.checked;
    shown();
  });
  return all;
}

/** Shift and a click tick all from the last one ticked. */
function ranges(form, boxes, shown) {
  let last = -1;
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "of") return;
    const at = boxes().indexOf(box);
    if (event.shiftKey && last >= 0) {
      for (const between of boxes().slice(Math.min(at, last), Math.max(at, last) + 1)) between.checked = box.checked;
      shown();
    }
    last = at;
  });
}

function clipboard(form, ticked) {
  const paste = /** @type {HTMLButtonElement | null} */ (form.querySelector("[data-paste]"));
  const offer = () => {
    const held = clip();
    if (!paste) return;
    paste.toggleAttribute("hidden", !held);
    if (!held) return;
    const what = held.of.length === 1 ? held.names[0] : `${held.of.length} objects`;
    paste.textContent = `Paste ${what}`;
    const from = held.from ? `the version ${held.from}` : "the public site";
    paste.title = `${held.mode === "move" ? "Cut" : "Copied"} in ${from}: ${held.names.join(", ")}`;
    for (const row of form.querySelectorAll("tr[data-oid]")) {
      row.classList.toggle("cut", held.mode === "move" && held.of.includes(row.dataset.oid));
    }
  };
  for (const button of form.querySelectorAll("[data-clip]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => {
      const rows = ticked().map((box) => box.closest("tr"));
      if (rows.length === 0) return;
      /** @type {Clip} */
      const held = {
        mode: button.dataset.clip,
        of: rows.map((row) => row.dataset.oid),
        names: rows.map((row) => row.dataset.name),
        from: form.dataset.line ?? "",
      };
      localStorage.setItem(KEY, JSON.stringify(held));
      offer();
      paste?.focus();
    });
  }
  paste?.addEventListener("click", () => {
    const held = clip();
    if (!held) return;
    const send = document.createElement("form");
    send.method = "post";
    send.action = paste.dataset.paste;
    const field = (name, value) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      send.append(input);
    };
    field("code", form.elements.namedItem("code").value);
    field("mode", held.mode);
    for (const oid of held.of) field("of", oid);
    // What was cut is pasted once.
    if (held.mode === "move") localStorage.removeItem(KEY);
    document.body.append(send);
    send.submit();
  });
  addEventListener("storage", offer);
  addEventListener("pageshow", offer);
  offer();
}

/** Rows are put where they are dropped: after the row above. */
function dragging(form) {
  const body = form.querySelector("tbody");
  if (!body) return;
  /** @type {HTMLTableRowElement | null} */
  let held = null;
  const marks = () => body.querySelectorAll(".drop-before, .drop-after").forEach((row) => row.classList.remove("drop-before", "drop-after"));
  for (const handle of body.querySelectorAll(".handle")) {
    const row = handle.closest("tr");
    handle.setAttribute("title", "Drag to put it elsewhere in the order");
    handle.addEventListener("pointerdown", () => (row.draggable = true));
    row.addEventListener("dragend", () => {
      row.draggable = false;
      row.classList.remove("dragged");
      held = null;
      marks();
    });
    row.addEventListener("dragstart", (event) => {
      held = row;
      row.classList.add("dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", row.dataset.name);
    });
  }
  const place = (event) => {
    const row = event.target.closest("tr[data-oid]");
    if (!held || !row || row === held) return null;
    const box = row.getBoundingClientRect();
    return { row, isAfter: event.clientY > box.top + box.height / 2 };
  };
  body.addEventListener("dragover", (event) => {
    const to = place(event);
    if (!to) return;
    event.preventDefault();
    marks();
    to.row.classList.add(to.isAfter ? "drop-after" : "drop-before");
  });
  body.addEventListener("drop", (event) => {
    const to = place(event);
    if (!to) return;
    event.preventDefault();
    let before = to.isAfter ? to.row : to.row.previousElementSibling;
    while (before && (before === held || !before.dataset.oid)) before = before.previousElementSibling;
    for (const box of form.querySelectorAll("input[name=of]")) box.checked = box.value === held.dataset.oid;
    const isFirstPage = !new URLSearchParams(location.search).has("after");
    const send = (what, after) => {
      const field = form.querySelector("input[name=after]");
      field.value = after;
      form.requestSubmit(form.querySelector(`button[name=do][value=${what}]`));
    };
    if (before) send("after", before.dataset.name);
    else if (isFirstPage) send("first", "");
  });
}

/** Files that are dropped on a listing: what to do where a name is taken is asked in a dialog. */
function dropping(form, url) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const page = document.querySelector(".page");
  form.querySelector("[data-drop-hint]")?.removeAttribute("hidden");
  page.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    page.classList.add("dropping");
  });
  page.addEventListener("dragleave", (event) => {
    if (!page.contains(event.relatedTarget)) page.classList.remove("dropping");
  });
  page.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    page.classList.remove("dropping");
    const files = event.dataTransfer.files;
    if (files.length === 0) return;
    const answer = await fetch(url);
    const shown = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("form[data-upload]");
    if (!answer.ok || !shown) return void (location.href = url);
    const dialog = document.createElement("dialog");
    const title = document.createElement("h2");
    title.textContent = "Upload";
    dialog.setAttribute("aria-label", "Upload");
    dialog.append(title, document.adoptNode(shown));
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    sendFiles(shown, files);
    shown.querySelector("[data-cancel]")?.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
    dialog.showModal();
    shown.querySelector("button.main-action").focus();
  });
}
