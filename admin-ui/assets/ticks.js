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
