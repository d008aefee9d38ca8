// The page of work under way follows it, and shows what came of it.
const section = document.querySelector("[data-task]");
if (section instanceof HTMLElement) follow(section);

/** @param {HTMLElement} section */
async function follow(section) {
  const bar = /** @type {HTMLProgressElement} */ (section.querySelector("progress"));
  const says = /** @type {HTMLElement} */ (section.querySelector("[data-says]"));
  const state = document.querySelector("[data-state]");
  for (let pause = 300; ; pause = Math.min(pause * 1.2, 2000)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const answer = await fetch(/** @type {string} */ (section.dataset.task), { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const task = await answer.json();
      if (!task.running) {
        location.replace(location.pathname);
        return;
      }
      if (task.total > 0) {
        bar.max = task.total;
        bar.value = task.done;
      }
      if (task.says && says.textContent !== task.says) says.textContent = task.says;
      if (state) state.textContent = task.state;
    } catch {
      says.textContent = "The server does not answer. Trying again.";
    }
  }
}
