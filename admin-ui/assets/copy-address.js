// A link that is to be sent to somebody is shown and copied with the address of the site.
for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-whole-address]"))) {
  const whole = new URL(link.dataset.wholeAddress ?? "", location.href).href;
  link.textContent = whole;
  const button = document.querySelector("[data-copy-address]");
  if (!navigator.clipboard || !button) continue;
  button.removeAttribute("hidden");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(whole);
    button.textContent = "Copied";
  });
}
