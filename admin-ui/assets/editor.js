// The code editor in the place of text areas, where it was built in. The text area stays what the form sends.

/** @param {HTMLFormElement} form @param {string} url */
export async function enhance(form, url) {
  const areas = [...form.querySelectorAll("textarea.code, textarea.markup")];
  if (!areas.length) return;
  let vendor;
  try {
    vendor = await import(url);
  } catch {
    return; // The text areas do it, too.
  }
  for (const area of areas) {
    vendor.enhance(area, { nonce: document.body.dataset.nonce, language: /** @type {HTMLElement} */ (area).dataset.language });
  }
}
