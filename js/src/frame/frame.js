/** The panel's frame: the list above, the batch below, and the line that says where else the panel is. */

import { attributes, button, h } from "../dom/elements.js";

/**
 * Return `{root, main, body, list, divider, place({text, hide}), reading(yes)}`, which hold the given parts.
 *
 * `list` and `foot` are lists of elements; `foot` stands below both halves.
 */
export function createFrame({ errorLine, header, list, detail, form, foot }) {
  const listPane = h("section", { class: "livy-list", "aria-label": "List of batches" }, list);
  const divider = h("div", {
    class: "livy-divider",
    role: "separator",
    tabindex: 0,
    "aria-orientation": "horizontal",
    "aria-label": "Height of the list",
  });
  const body = h("div", { class: "livy-body-panes" }, listPane, divider, detail, form);
  const main = h("div", { class: "livy-main" }, header, body, foot);
  const placeLine = h("div", { class: "livy-place", hidden: true });
  const root = h(
    "div",
    {
      class: "livy-panel",
      role: "region",
      "aria-label": "Livy batches",
      "data-reading": "false",
      // The panel handles its own keys: none of them may trigger the notebook's shortcuts.
      "data-lm-suppress-shortcuts": "true",
      on: { keydown: (event) => event.stopPropagation() },
    },
    errorLine,
    placeLine,
    main,
  );

  function showHere() {
    placeLine.hidden = true;
    main.hidden = false;
  }

  return {
    root,
    main,
    body,
    list: listPane,
    divider,
    /** Show where the panel is, or why it is here; `hide` hides everything but that line. */
    place({ text, hide }) {
      placeLine.replaceChildren(text, ...(hide ? [" ", button("Show here as well", showHere)] : []));
      placeLine.hidden = false;
      main.hidden = Boolean(hide);
    },
    /** Set whether the log is being read, which in a narrow place hides the list; return whether it did. */
    reading(yes) {
      attributes(root, { "data-reading": String(yes) });
      return yes && getComputedStyle(listPane).visibility === "hidden";
    },
  };
}
