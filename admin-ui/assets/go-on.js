// A list that the server makes piece by piece: fetches the following pieces by itself, until all is there.

/** @param {Document} page @param {string} part */
const part = (page, part) => page.querySelector(`[data-go-on="${part}"]`);

/** How many rows a browser is given before it asks whether to go on. */
const ROWS_MAX = 2_000;

async function goOn() {
  for (;;) {
    const next = part(document, "next");
    const rows = part(document, "rows");
    const link = next?.querySelector("a");
    if (!next || !rows || !link || rows.children.length >= ROWS_MAX) return;
    let page;
    try {
      const answer = await fetch(link.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      // The link is still there for whoever wants to try again.
      return;
    }
    const more = part(page, "rows");
    if (!more) return;
    rows.append(...more.children);
    const [count, counted] = [part(document, "count"), part(page, "count")];
    if (count && counted) count.replaceChildren(...counted.childNodes);
    const following = part(page, "next");
    if (following) next.replaceWith(following);
    else next.remove();
  }
}

if (part(document, "next")) goOn();
