// Times in the reader's own zone; how long ago, where that says more.
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const near = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/**
 * How far off a time to come is.
 * @param {number} seconds
 */
function ahead(seconds) {
  if (seconds < 50) return ago.format(Math.round(seconds), "second");
  if (seconds < 3000) return ago.format(Math.round(seconds / 60), "minute");
  if (seconds < 80000) return ago.format(Math.round(seconds / 3600), "hour");
  return ago.format(Math.round(seconds / 86400), "day");
}

/** @param {ParentNode} within */
export function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const then = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
    const seconds = (then.getTime() - Date.now()) / 1000;
    if (Number.isNaN(seconds)) continue;
    time.setAttribute("title", full.format(then));
    // Clocks differ a little: what is only just ahead is now.
    if (seconds > 50) time.textContent = `${day.format(then)}, ${ahead(seconds)}`;
    else if (seconds > 5) time.textContent = ahead(seconds);
    else if (seconds > -50) time.textContent = "just now";
    else if (seconds > -3000) time.textContent = ago.format(Math.round(seconds / 60), "minute");
    else if (seconds > -80000) time.textContent = ago.format(Math.round(seconds / 3600), "hour");
    else time.textContent = near.format(then);
  }
}

localise(document);
