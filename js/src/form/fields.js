/** One field of the form: its label, its editor, its error, and the value of the typed text. */

import { attributes, button, h, say, VERBATIM } from "../dom/elements.js";

const HINTS = { list: "; one a line, or with commas", args: "; one a line" };

/** Return a field's control, `{element, value(), fail(text), focus()}`; value() is null if the field is empty. */
export function createControl(field, given, view) {
  const id = `livy-${view}-${field.key}`;
  const help = h("p", { class: "livy-help", id: `${id}-help` }, field.help + (HINTS[field.kind] || ""));
  const error = h("p", { class: "livy-error", id: `${id}-error`, hidden: true });
  const editor = field.kind === "conf" ? confEditor(field, given || {}, id) : textEditor(field, given, id);
  const label = h(
    field.kind === "conf" ? "span" : "label",
    field.kind === "conf" ? { class: "livy-label", id: `${id}-label` } : { class: "livy-label", for: id },
    field.label,
    field.required ? h("span", { class: "livy-required" }, " (needed)") : null,
  );
  const element = h("div", { class: "livy-field", "data-kind": field.kind }, label, editor.element, error, help);
  return {
    element,
    value: editor.value,
    focus: editor.focus,
    fail(text) {
      say(error, text);
      error.hidden = !text;
      attributes(element, { "data-bad": Boolean(text) });
      for (const each of element.querySelectorAll("input, textarea")) {
        attributes(each, {
          "aria-invalid": text ? "true" : null,
          "aria-describedby": text ? `${id}-error ${id}-help` : `${id}-help`,
        });
      }
    },
  };
}

function textEditor(field, given, id) {
  const properties = { id, placeholder: field.example, "aria-describedby": `${id}-help` };
  if (field.kind !== "list" && field.kind !== "args") {
    const { input, value } = createBox(given, {
      ...properties,
      inputmode: field.kind === "count" ? "numeric" : null,
      "aria-required": field.required ? "true" : null,
    });
    return { element: input, focus: () => input.focus(), value };
  }
  const items = [].concat(given ?? []);
  const rows = Math.min(6, Math.max(2, items.length));
  const input = h("textarea", { ...properties, ...VERBATIM, rows });
  input.value = items.join("\n");
  const untouched = input.value;
  return {
    element: input,
    focus: () => input.focus(),
    value: () => textValue(field.kind, input.value, { untouched, given }),
  };
}

/**
 * Return the value of a text, or null if it is empty. An unedited text has the value `given`, which the text cannot
 * always represent: an argument may hold a line break, and the last one may be empty.
 */
export function textValue(kind, text, { untouched, given = null }) {
  if (text === untouched) return given;
  return kind === "list" || kind === "args" ? textItems(kind, text) : text.trim() || null;
}

/** Return a text's items, or null for none: of "list", split at lines and commas; of "args", one per line, verbatim. */
function textItems(kind, text) {
  if (kind === "args") return text === "" ? null : text.replace(/\n$/, "").split("\n");
  const items = text
    .split(/[\n,]/)
    .map((item) => item.trim())
    .filter(Boolean);
  return items.length ? items : null;
}

function confEditor(field, given, id) {
  const rows = h("div", { class: "livy-conf" });
  const pairs = new Map(); // a row's element -> its two boxes
  const [exampleKey, exampleValue] = (field.example || "=").split("=");

  function add(key = "", value = "") {
    const boxes = [
      createBox(key, { placeholder: exampleKey, "aria-label": `${field.label}: property` }),
      createBox(value, { placeholder: exampleValue, "aria-label": `${field.label}: value` }),
    ];
    const remove = () => {
      row.remove();
      pairs.delete(row);
      more.focus();
    };
    const row = h(
      "div",
      { class: "livy-conf-row" },
      boxes.map((box) => box.input),
      button("×", remove, { class: "livy-quiet", "aria-label": "remove this property", title: "remove" }),
    );
    pairs.set(row, boxes);
    rows.append(row);
    return boxes[0].input;
  }

  for (const [key, value] of Object.entries(given)) add(key, value);
  if (!pairs.size) add();
  const more = button("+ property", () => add().focus(), { class: "livy-quiet", "aria-describedby": `${id}-help` });
  const element = h("div", { role: "group", "aria-labelledby": `${id}-label` }, rows, more);
  return {
    element,
    focus: () => rows.querySelector("input")?.focus(),
    value: () => {
      const set = [...pairs.values()]
        .map((boxes) => boxes.map((box) => box.value() ?? ""))
        .filter(([key, value]) => key || value);
      return set.length ? Object.fromEntries(set) : null;
    },
  };
}

/** Return a one-line text box, `{input, value()}`; `given` is its initial value. */
function createBox(given, properties) {
  const input = h("input", { type: "text", ...VERBATIM, ...properties });
  input.value = given ?? "";
  const untouched = input.value;
  return { input, value: () => textValue("text", input.value, { untouched, given }) };
}
