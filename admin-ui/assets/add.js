// The name that a title suggests, while nobody typed another one.
const form = document.querySelector("form[data-add]");
const title = /** @type {HTMLInputElement | null} */ (form?.querySelector("input[name=title]"));
const name = /** @type {HTMLInputElement | null} */ (form?.querySelector("input[name=name]"));
if (title && name) {
  const suggested = () =>
    title.value
      .toLowerCase()
      .replace(/['’]/g, "")
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-+/, "")
      .slice(0, 60)
      .replace(/-+$/, "");
  let own = name.value !== "";
  name.addEventListener("input", () => (own = name.value !== ""));
  title.addEventListener("input", () => {
    // Only shown: what the server makes of an empty name steps aside where it is taken.
    name.placeholder = own ? "" : suggested();
  });
}
