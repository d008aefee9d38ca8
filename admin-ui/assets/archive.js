// Sending an archive shows how far it is. A folder is packed into an archive here, without compressing it.
for (const form of document.querySelectorAll("form[data-archive]")) prepare(/** @type {HTMLFormElement} */ (form));

/** @param {HTMLFormElement} form */
function prepare(form) {
  const archive = /** @type {HTMLInputElement} */ (form.elements.namedItem("archive"));
  const folder = /** @type {HTMLInputElement} */ (form.querySelector("input[webkitdirectory]"));
  const sending = /** @type {HTMLElement} */ (form.querySelector(".sending"));
  const says = /** @type {HTMLElement} */ (sending.querySelector("[role=status]"));
  const bar = /** @type {HTMLProgressElement} */ (sending.querySelector("progress"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button.main-action"));
  folder.closest("p")?.removeAttribute("hidden");
  folder.addEventListener("change", () => {
    archive.required = folder.files?.length === 0;
    if (!archive.required) archive.value = "";
  });
  archive.addEventListener("change", () => {
    if (archive.files?.length) folder.value = "";
    archive.required = true;
  });
  /** @param {string} text @param {number} [done] @param {number} [total] */
  const show = (text, done, total) => {
    sending.hidden = false;
    if (says.textContent !== text) says.textContent = text;
    if (total) {
      bar.max = total;
      bar.value = done ?? 0;
    } else bar.removeAttribute("value");
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const data = new FormData(form);
      if (folder.files?.length) {
        const files = [...folder.files];
        const name = files[0].webkitRelativePath.split("/")[0];
        data.set("archive", await pack(files, (done) => show("Reading the folder", done, files.length)), `${name}.zip`);
      }
      const answer = await send(form.action, data, (done, total) => show("Sending", done, total));
      if (answer.status < 300) location.assign(answer.responseURL);
      else document.querySelector("main")?.replaceWith(refusal(answer.responseText));
      for (const again of document.querySelectorAll("form[data-archive]")) {
        if (again !== form) prepare(/** @type {HTMLFormElement} */ (again));
      }
      /** @type {HTMLElement | null} */ (document.querySelector("main [autofocus]"))?.focus();
    } catch (error) {
      show(error instanceof Error ? error.message : String(error));
      bar.hidden = true;
    } finally {
      button.disabled = false;
    }
  });
}

/** @param {string} html */
function refusal(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("main") ?? new Text("It was refused.");
}

/**
 * @param {string} url
 * @param {FormData} data
 * @param {(done: number, total: number) => void} show
 * @returns {Promise<XMLHttpRequest>}
 */
function send(url, data, show) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => show(event.loaded, event.total));
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Error("It could not be sent: the connection broke, or it is too long.")));
    request.open("POST", url);
    request.send(data);
  });
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * A ZIP archive of files as they are.
 * @param {File[]} files
 * @param {(done: number) => void} show
 */
async function pack(files, show) {
  if (files.length > 65535) throw new Error("The folder has more than 65,535 files: make an archive of it, or use bough import.");
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let offset = 0;
  let length = 0;
  for (const [number, file] of files.entries()) {
    show(number);
    // The name of the folder itself is no part of what is in it.
    const name = new TextEncoder().encode(file.webkitRelativePath.split("/").slice(1).join("/"));
    let crc = 0xffffffff;
    for await (const bytes of chunks(file)) {
      for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
    }
    crc = ~crc >>> 0;
    // Version, names in UTF-8, not compressed, no time, then what both heads have.
    const common = [...u16(20), ...u16(0x800), ...u16(0), ...u32(0x210000), ...u32(crc), ...u32(file.size), ...u32(file.size), ...u16(name.length), ...u16(0)];
    const head = Uint8Array.from([...u32(0x04034b50), ...common]);
    parts.push(head, name, file);
    const entry = Uint8Array.from([...u32(0x02014b50), ...u16(20), ...common, ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(offset)]);
    directory.push(entry, name);
    offset += head.length + name.length + file.size;
    length += entry.length + name.length;
    if (offset + length > 0xffff0000) throw new Error("The folder has more than 4 GB: use bough import.");
  }
  const count = u16(files.length);
  const end = Uint8Array.from([...u32(0x06054b50), ...u32(0), ...count, ...count, ...u32(length), ...u32(offset), ...u16(0)]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** @param {File} file */
async function* chunks(file) {
  for (let at = 0; at < file.size; at += 1 << 20) {
    yield new Uint8Array(await file.slice(at, at + (1 << 20)).arrayBuffer());
  }
}

/** @param {number} number */
const u16 = (number) => [number & 255, (number >> 8) & 255];
/** @param {number} number */
const u32 = (number) => [number & 255, (number >> 8) & 255, (number >> 16) & 255, (number >>> 24) & 255];
