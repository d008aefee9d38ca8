// The code editor: stands in the place of a text area, which stays the field that the form sends.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** Languages come when they are needed. @type {Record<string, () => Promise<import("@codemirror/state").Extension>>} */
const languages = {
  css: async () => (await import("@codemirror/lang-css")).css(),
  html: async () => (await import("@codemirror/lang-html")).html(),
  // Templates are mostly HTML; their own marks stay text.
  jinja: async () => (await import("@codemirror/lang-html")).html(),
  javascript: async () => (await import("@codemirror/lang-javascript")).javascript(),
  json: async () => (await import("@codemirror/lang-json")).json(),
  markdown: async () => (await import("@codemirror/lang-markdown")).markdown(),
};

// The colours of the page around, which knows light and dark.
const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--card)", fontSize: ".875rem", maxHeight: "70vh" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", minHeight: "12rem" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--soft)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklab, var(--accent) 7%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in oklab, var(--accent) 30%, transparent)",
  },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels button, .cm-panels input": { minHeight: "0", width: "auto", backgroundImage: "none" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-ground) !important", outline: "1px solid var(--accent)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-ground)", outline: "1px solid var(--warn)" },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-ground)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.tagName, tags.operatorKeyword], color: "light-dark(#7a2a8a, #d8a4ec)" },
  { tag: [tags.string, tags.attributeValue, tags.special(tags.string)], color: "light-dark(#1d6a3c, #8fd3a8)" },
  { tag: [tags.attributeName, tags.propertyName, tags.variableName], color: "light-dark(#1b5584, #93c8f2)" },
  { tag: [tags.number, tags.bool, tags.null, tags.unit, tags.color], color: "light-dark(#8a4a00, #ecc48a)" },
  { tag: [tags.comment, tags.meta, tags.processingInstruction], color: "var(--soft)" },
  { tag: [tags.heading, tags.strong], fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
  { tag: [tags.link, tags.url], color: "var(--accent)", textDecoration: "underline" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

/**
 * Puts an editor in the place of a text area.
 * @param {HTMLTextAreaElement} area
 * @param {{ nonce?: string, language?: string }} options
 */
export async function enhance(area, { nonce = "", language = "" }) {
  const isCode = area.classList.contains("code");
  const label = area.labels?.[0];
  const name = label?.textContent?.trim() ?? "";
  const spoken = isCode ? `${name} (Escape, then Tab leaves the editor)` : name;
  const described = area.getAttribute("aria-describedby");
  const attributes = {
    "aria-label": spoken,
    tabindex: "0",
    ...(described ? { "aria-describedby": described } : {}),
    ...(area.getAttribute("aria-invalid") ? { "aria-invalid": "true" } : {}),
    ...(isCode ? {} : { spellcheck: "true", autocorrect: "on" }),
  };
  const grammar = await languages[language]?.() ?? [];
  const sent = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    area.value = update.state.doc.toString();
    area.dispatchEvent(new Event("bough:changed", { bubbles: true }));
  });
  const place = document.createElement("div");
  place.className = "editor-place";
  area.before(place);
  place.append(area);
  const view = new EditorView({
    parent: place,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorView.contentAttributes.of(attributes),
        EditorView.lineWrapping,
        isCode ? [lineNumbers(), foldGutter(), highlightActiveLine(), bracketMatching(), closeBrackets(), autocompletion(), indentOnInput()] : [],
        highlightSpecialChars(), history(), drawSelection(), highlightSelectionMatches(),
        // In prose, Tab goes on to the next field.
        keymap.of([...(isCode ? [...closeBracketsKeymap, ...completionKeymap, indentWithTab] : []), ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap]),
        syntaxHighlighting(colours), look, grammar, sent,
      ],
    }),
  });
  view.dom.classList.add("code-editor");
  area.addEventListener("bough:set", () => {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: area.value } });
  });
  area.hidden = true;
  label?.addEventListener("click", (event) => { event.preventDefault(); view.focus(); });
  if (area.autofocus) view.focus();
  return view;
}
