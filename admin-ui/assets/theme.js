// Runs before the page is drawn, so that it does not flash in the wrong colours.
{
  const theme = localStorage.getItem("bough-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
