// Uploads: dropped or picked, with their progress.

/**
 * Sends a form with files by itself, and shows how far it is.
 * @param {HTMLFormElement} form
 * @param {FileList} [dropped] files to begin with
 */
export function sendFiles(form, dropped) {
  const picker = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
  const drop = form.querySelector("[data-drop]");
  const list = form.querySelector("[data-list]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const text = progress.querySelector("[data-progress-text]");
  const button = form.querySelector("button.main-action");
  /** @type {XMLHttpRequest | null} */
  let request = null;

  form.querySelector("[data-drop-hint]")?.removeAttribute("hidden");
  const named = () => {
    list.replaceChildren(
      ...[...picker.files].slice(0, 20).map((file) => {
        const item = document.createElement("li");
        item.textContent = `${file.name} (${bytes(file.size)})`;
        return item;
      }),
    );
    if (picker.files.length > 20) {
      const item = document.createElement("li");
      item.textContent = `and ${picker.files.length - 20} more`;
      list.append(item);
    }
    list.toggleAttribute("hidden", picker.files.length === 0);
  };
  if (dropped) picker.files = dropped;
  picker.addEventListener("change", named);
  named();
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length > 0) picker.files = event.dataTransfer.files;
    named();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request) return;
    request = new XMLHttpRequest();
    const data = new FormData(form);
    progress.removeAttribute("hidden");
    form.querySelector(".message")?.remove();
    button.disabled = true;
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      text.textContent =
        event.loaded === event.total ? "All is there; it is being stored." : `${bytes(event.loaded)} of ${bytes(event.total)}`;
    });
    const failed = (message) => {
      request = null;
      button.disabled = false;
      progress.setAttribute("hidden", "");
      const shown = document.createElement("div");
      shown.className = "message bad";
      shown.setAttribute("role", "alert");
      const line = document.createElement("p");
      line.textContent = message;
      shown.append(line);
      form.prepend(shown);
    };
    request.addEventListener("load", () => {
      if (request.status < 400) return void (location.href = request.responseURL);
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      failed(page.querySelector(".message.bad p")?.textContent ?? `The server refused the files (${request.status}).`);
    });
    request.addEventListener("error", () => failed("The connection broke. Nothing was uploaded; try again."));
    request.addEventListener("abort", () => failed("It was stopped. Nothing was uploaded."));
    request.open("POST", form.action);
    request.send(data);
  });
  form.querySelector("[data-cancel]")?.addEventListener("click", (event) => {
    if (!request) return;
    event.preventDefault();
    request.abort();
  });
}

/** @param {number} size */
function bytes(size) {
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"].map((unit) => new Intl.NumberFormat(undefined, { style: "unit", unit, maximumSignificantDigits: 3 }));
  let at = 0;
  while (size >= 1000 && at < unit.length - 1) [size, at] = [size / 1000, at + 1];
  return unit[at].format(size);
}

for (const form of document.querySelectorAll("form[data-upload]")) sendFiles(form);
