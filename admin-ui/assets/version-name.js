// A version is called by a name for addresses: what is typed as words becomes one when the field is left or sent.
for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[data-version-name]"))) {
  const named = () => {
    const name = field.value
      .toLowerCase()
      .replace(/['’]/g, "")
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+/, "")
      .slice(0, 40)
      .replace(/-+$/, "");
    // Where no letter is left, the server says what a name is.
    if (name) field.value = name;
  };
  field.addEventListener("change", named);
  field.form?.addEventListener("submit", named);
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" || (event.ctrlKey && event.key === "s")) named(); });
}
