// What was typed and not saved is kept in this tab: for when the session ended, or the browser did.

/** The fields that people fill in, by what they are of. @param {HTMLFormElement} form */
function typed(form) {
  /** @type {Record<string, string[]>} */
  const all = {};
  for (const field of form.querySelectorAll(".field[data-name]")) {
    const name = /** @type {HTMLElement} */ (field).dataset.name ?? "";
    all[name] = [...controls(field)].map((control) => control.value);
  }
  return all;
}

/** @param {Element} field @returns {NodeListOf<HTMLInputElement>} */
function controls(field) {
  return field.querySelectorAll("textarea[name], select[name], input[name]:not([type=hidden], [type=file], [type=checkbox], [type=radio])");
}

/** @param {HTMLFormElement} form @param {string} name */
const hidden = (form, name) => /** @type {HTMLInputElement} */ (form.querySelector(`input[type=hidden][name=${name}]`));

/** Fills the form with what was typed, on the ground that it was typed on. @param {HTMLFormElement} form @param {any} kept */
function restore(form, kept) {
  for (const field of form.querySelectorAll(".field[data-name]")) {
    const values = kept.typed[/** @type {HTMLElement} */ (field).dataset.name ?? ""];
    if (!values) continue;
    const add = /** @type {HTMLElement | null} */ (field.querySelector("button.add-row"));
    for (let left = 500; add && controls(field).length < values.length && left; left -= 1) add.click();
    controls(field).forEach((control, at) => {
      control.value = values[at] ?? "";
      control.dispatchEvent(new Event("bough:set", { bubbles: true }));
    });
  }
  hidden(form, "base").value = kept.base;
  hidden(form, "revision").value = kept.revision;
  form.dispatchEvent(new Event("bough:changed", { bubbles: true }));
}

/** @param {HTMLFormElement} form */
export function keepTyped(form) {
  const key = `bough-typed ${location.pathname}`;
  const before = JSON.stringify(typed(form));
  const keep = () => {
    const now = { oid: hidden(form, "oid").value, base: hidden(form, "base").value, revision: hidden(form, "revision").value, typed: typed(form) };
    try {
      sessionStorage.setItem(key, JSON.stringify(now));
    } catch {
      // More than a browser keeps.
    }
  };
  const found = JSON.parse(sessionStorage.getItem(key) ?? "null");
  const isSaved = /[?&](did|nothing)=/.test(location.search) && !form.hasAttribute("data-unsaved");
  const isOld = !found || found.oid !== hidden(form, "oid").value || JSON.stringify(found.typed) === before;
  if (isSaved || isOld || form.hasAttribute("data-unsaved")) sessionStorage.removeItem(key);
  else {
    const notice = document.createElement("div");
    notice.className = "message warn";
    notice.setAttribute("role", "status");
    const says = document.createElement("p");
    says.textContent = "You typed something here that was not saved.";
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.addEventListener("click", () => {
        act();
        sessionStorage.removeItem(key);
        notice.remove();
      });
      return made;
    };
    notice.append(says, button("Put it in again", () => restore(form, found)), button("Forget it", () => {}));
    form.before(notice);
  }
  let waiting = 0;
  const later = () => { clearTimeout(waiting); waiting = setTimeout(keep, 300); };
  form.addEventListener("input", later);
  form.addEventListener("bough:changed", later);
  form.addEventListener("submit", keep);
}
