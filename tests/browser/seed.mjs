// Sites to look at: one as people have it, and one in which everything that anybody can write tries to run a script.
import fs from "node:fs";
import path from "node:path";

const LONG = "A sentence of some length, so that a page looks like a page. ";

/** A site of a few dozen objects with a past, a version in work with a conflict, users and rights. */
export function typical({ cli, folder }) {
  const files = path.join(folder, "files");
  fs.mkdirSync(path.join(files, "2026"), { recursive: true });
  const page = (title, text) => `<title>${title}</title><h1>${title}</h1><p>${text}</p>`;
  for (let number = 1; number <= 24; number += 1) {
    fs.writeFileSync(path.join(files, "2026", `report-${number}.html`), page(`Report ${number}`, LONG.repeat(number)));
  }
  fs.writeFileSync(path.join(files, "notes.txt"), "One line\nAnother line\n");
  cli(["import", files, "/reports"]);
  cli(["add", "/news", "--type", "folder", "--set", "title=News"]);
  const names = ["spring", "summer", "autumn", "winter"];
  for (const name of names) {
    const title = name[0].toUpperCase() + name.slice(1);
    const body = `# ${title}\n\n${LONG.repeat(3)}\n\n- one\n- two\n- three\n`;
    cli(["add", `/news/${name}`, "--type", "page", "--set", `title=${title} news`, "--set", "format=markdown", "--set", `body=${body}`]);
  }
  cli(["add", "/news/old", "--type", "link", "--set", "target=/news/winter"]);
  cli(["set", "/news/autumn", "title=Autumn news, corrected"]);
  cli(["mv", "/news/summer", "/news/high-summer"]);
  cli(["add", "/news/draft", "--type", "page", "--set", "title=A draft"]);
  cli(["rm", "/news/draft"]);
  cli(["add", "/empty", "--type", "folder", "--set", "title=Nothing yet"]);
  cli(["group", "add", "writers", "--role", "Editor"]);
  cli(["user", "add", "ben", "--full-name", "Ben Baker", "--email", "ben@example.org", "--password-stdin"], "ben-password\n");
  cli(["role", "grant", "/news", "ben", "Editor"]);
  cli(["permission", "set", "/reports", "View", "--exactly", "--roles", "Manager,Editor"]);
  cli(["version", "create", "redesign", "--title", "A new look"]);
  cli(["set", "/news/autumn", "title=Autumn, redesigned", "--version", "redesign"]);
  cli(["set", "/news/winter", "title=Winter, redesigned", "--version", "redesign"]);
  cli(["add", "/news/new-season", "--type", "page", "--set", "title=A fifth season", "--version", "redesign"]);
  cli(["set", "/news/autumn", "title=Autumn, as the trunk has it"]);
}

/** What runs where it is not escaped. */
const PROBES = [`<img src=x onerror=alert(1)>`, `"><script>alert(2)</script>`, `' onfocus='alert(3)' autofocus='`, `</textarea></title><svg onload=alert(4)>`, `{{ 7 * 7 }}\${alert(5)}`];

/** A site in which names, titles, values, sentences and people try to run something. */
export function hostile({ cli, folder }) {
  const [image, script, focus, close, template] = PROBES;
  const nameable = (text) => text.replaceAll("/", "∕");
  cli(["add", `/${nameable(image)}`, "--type", "folder", "--set", `title=${script}`]);
  const inside = `/${nameable(image)}`;
  PROBES.forEach((probe, number) => {
    cli(["add", `${inside}/${number}${nameable(probe)}`, "--type", "page", "--set", `title=${probe}`, "--set", `body=${probe}\n${close}`, "--set", `extra${number}=${probe}`]);
  });
  cli(["add", `${inside}/template.html`, "--type", "template", "--set", `source=${close}${script}`]);
  cli(["add", `${inside}/odd`, "--type", "page", "--set", `a=${script}`, "--set", `m:json=${JSON.stringify({ map: { [image]: [focus] } })}`]);
  const files = path.join(folder, "hostile");
  fs.mkdirSync(files, { recursive: true });
  fs.writeFileSync(path.join(files, `${nameable(script)}.txt`), close);
  fs.writeFileSync(path.join(files, "picture.svg"), `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(6)"><script>alert(7)</script></svg>`);
  cli(["import", files, `${inside}/files`]);
  cli(["user", "add", "eve", "--full-name", image, "--email", "eve@example.org", "--password-stdin"], "eve-password\n");
  cli(["role", "grant", inside, "eve", nameable(focus)]);
  cli(["version", "create", "hostile", "--title", script]);
  const one = `${inside}/0${nameable(PROBES[0])}`;
  cli(["set", one, `title=${close} mine`, `body=${script}`, "--version", "hostile"]);
  cli(["set", one, `title=${template} theirs`, `body=${focus}`]);
  cli(["rm", `${inside}/1${nameable(PROBES[1])}`]);
}
