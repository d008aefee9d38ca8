// The conflict desk: who types a text of his own, or chooses a line, means that way out.
const desk = document.querySelector("form.desk");

/** @param {string} value */
function choose(value) {
  const radio = desk?.querySelector(`input[name="choice"][value="${value}"]`);
  if (radio instanceof HTMLInputElement) radio.checked = true;
}

desk?.addEventListener("input", (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (field.name === "result") choose("text");
  else if (/^[vk]\.0$/.test(field.name)) choose("value");
  else if (/^part\d+$/.test(field.name)) choose("lines");
  else if (field.name === "to" || field.name === "rename") choose("names");
  else if (field.name === "rescue" || field.name === "container") choose("rescue");
});
