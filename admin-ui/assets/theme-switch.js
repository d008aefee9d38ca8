// Light or dark, against what the machine says.
for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.removeAttribute("hidden");
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("bough-theme", root.dataset.theme);
  });
}
