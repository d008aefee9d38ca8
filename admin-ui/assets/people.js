// Names of users are offered while one types.
for (const input of document.querySelectorAll("input[data-people]")) {
  const field = /** @type {HTMLInputElement} */ (input);
  const list = field.list;
  if (!list) continue;
  const kept = [...list.children];
  let last = "";
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(async () => {
      const text = field.value.trim();
      if (text === last || text === "") return;
      last = text;
      try {
        const answer = await fetch(field.dataset.people + encodeURIComponent(text));
        if (!answer.ok || text !== last) return;
        /** @type {{ items: { name: string, title: string, group: boolean }[] }} */
        const found = await answer.json();
        const options = found.items.map((item) => {
          const option = document.createElement("option");
          option.value = item.name;
          option.textContent = [item.title, item.group ? "group" : ""].filter(Boolean).join(", ");
          return option;
        });
        list.replaceChildren(...kept, ...options);
      } catch {
        // Without offers the field is as good as any other.
      }
    }, 200);
  });
}
