// A box above a column of boxes ticks all of them.
for (const mark of document.querySelectorAll("[data-ticks-all]")) {
  const table = mark.closest("table");
  if (!table) continue;
  const boxes = () => /** @type {HTMLInputElement[]} */ ([...table.querySelectorAll("tbody .tick input[type=checkbox]")]);
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Tick all on this page");
  mark.replaceWith(all);
  table.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    const ticked = boxes().filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && ticked < boxes().length;
  });
}

// A button for what is ticked waits, and says so, until something is.
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("button[data-needs-tick]"))) {
  const form = button.form;
  if (!form) continue;
  const ready = button.textContent;
  const carried = form.querySelector("input[type=hidden][name=commit]") !== null;
  const say = () => {
    button.disabled = !carried && !form.querySelector(".tick input[type=checkbox]:checked");
    button.textContent = button.disabled ? (button.dataset.needsTick ?? "") : ready;
  };
  form.addEventListener("change", say);
  // Browsers bring back what was ticked when one goes back.
  addEventListener("pageshow", say);
  say();
}
