// Buttons that copy what a field holds.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(/** @type {HTMLElement} */ (button).dataset.copy ?? "");
  if (!(field instanceof HTMLInputElement) || !navigator.clipboard) continue;
  /** @type {HTMLElement} */ (button).hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
}
