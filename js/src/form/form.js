/** The form to submit a batch: made from the fields that the kernel sends. */

import { LATE_DEEDS, LATE_WORDS } from "../actions/notices.js";
import { attributes, button, h, say, VERBATIM } from "../dom/elements.js";

/**
 * Return `{element, open(row), isOpen}`; row null is an empty form, else what that batch was submitted with.
 *
 * `on.opened(open)` is called when it opens and closes, `on.submitted(row)` with the new batch's row. What was typed
 * stays until it is submitted or cancelled; Escape only puts the form away.
 */
export function createForm({ channel, notices, on }) {
  const element = h("div", {
    class: "livy-form",
    role: "dialog",
    "aria-modal": "true",
    hidden: true,
    tabindex: -1,
    on: {
      keydown: (event) => {
        if (event.key === "Escape") close();
      },
    },
  });
  let back = null;
  let turn = 0;
  let kept; // whose form is filled in, with what was typed, though it may be put away; undefined: nobody's

  function show() {
    if (element.hidden) back = document.activeElement;
    element.hidden = false;
    on.opened(true);
    (element.querySelector("input") || element).focus();
  }

  async function open(row, name = "") {
    if (kept === row) return show();
    kept = undefined;
    const mine = ++turn;
    const heading = row === null ? "New batch" : `Resubmit ${name}`;
    const wait = h("p", { class: "livy-remark", role: "status" }, "asking the kernel for the form …");
    attributes(element, { "aria-label": heading });
    element.replaceChildren(h("div", { class: "livy-form-head" }, h("h3", {}, heading), button("Cancel", cancel)), wait);
    show();
    try {
      const form = await channel.request("form", { row }, { late: (lateness) => say(wait, LATE_WORDS[lateness]) });
      if (mine === turn && !element.hidden) fill(form, row, heading);
    } catch (error) {
      say(wait, error.message);
    }
  }

  function cancel() {
    kept = undefined;
    close();
  }

  function close() {
    turn += 1;
    if (element.hidden) return;
    element.hidden = true;
    on.opened(false);
    if (back && back.isConnected) back.focus({ preventScroll: true });
  }

  function fill({ fields, values, note }, row, heading) {
    const controls = new Map(fields.map((field) => [field.key, createControl(field, values[field.key], channel.view)]));
    const groups = [...new Set(fields.map((field) => field.group))];
    const trouble = h("p", { class: "livy-error", role: "alert", hidden: true });
    const submit = h(
      "button",
      { type: "submit", class: "livy-primary" },
      row === null ? "Submit" : "Submit as a new batch",
    );
    const sets = groups.map((group) =>
      h(
        "fieldset",
        {},
        h("legend", {}, group),
        fields.filter((field) => field.group === group).map((field) => controls.get(field.key).element),
      ),
    );
    const form = h(
      "form",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            if (submit.getAttribute("aria-disabled") !== "true") send(row, controls, submit, trouble);
          },
        },
      },
      h("div", { class: "livy-form-head" }, h("h3", {}, heading), submit, button("Cancel", cancel), trouble),
      note ? h("p", { class: "livy-remark" }, note) : null,
      sets,
    );
    form.noValidate = true; // the kernel checks, and says why
    element.replaceChildren(form);
    kept = row;
    controls.values().next().value?.focus();
  }

  async function send(row, controls, submit, trouble) {
    const values = {};
    for (const [key, control] of controls) {
      const value = control.value();
      if (value !== null) values[key] = value;
      control.fail("");
    }
    const mine = turn;
    const label = submit.textContent;
    const again = () => {
      attributes(submit, { "aria-disabled": "false" });
      say(submit, label);
    };
    attributes(submit, { "aria-disabled": "true" });
    say(submit, "Submitting …");
    trouble.hidden = true;
    const update = notices.add(`submit requested${values.name ? `: ${values.name}` : ""}`, "busy");
    let progress = "";
    const ack = await channel.request(
      "submit",
      { row, values },
      {
        each: (message) => {
          if (message.type !== "progress") return;
          progress = message.text;
          update(`submit requested: ${progress}`, "busy");
        },
        late: (lateness) => {
          if (lateness === "slow" && progress) return; // which says more
          update(`submit requested; ${LATE_DEEDS[lateness]}`, lateness === "gone" ? "bad" : "busy");
          if (lateness === "gone") again();
        },
      },
    );
    again();
    if (ack.ok) {
      update(ack.text, "good");
      kept = undefined;
      if (mine === turn) close();
      if (ack.new !== null && ack.new !== undefined) on.submitted(ack.new);
      return;
    }
    const seen = mine === turn; // the form says it itself, unless it was closed
    update(seen ? "" : `not submitted: ${ack.text}`, "bad");
    const errors = Object.entries(ack.errors || {});
    trouble.hidden = errors.length === 1; // which is said at its field
    say(trouble, ack.text);
    for (const [key, text] of errors) controls.get(key).fail(text);
    if (seen && errors.length) controls.get(errors[0][0]).focus();
  }

  return {
    element,
    open,
    close,
    get isOpen() {
      return !element.hidden;
    },
  };
}

/** Return `{element, value(), fail(text), focus()}` of one field; value() is null when nothing was given. */
function createControl(field, given, view) {
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

const HINTS = { list: "; one a line, or with commas", args: "; one a line" };

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
 * Return what a text says, or null for nothing. A text that was not touched says what was `given`, which it cannot
 * always show as it is: an argument may hold a line break, and the last one may be empty.
 */
export function textValue(kind, text, { untouched, given = null }) {
  if (text === untouched) return given;
  return kind === "list" || kind === "args" ? textItems(kind, text) : text.trim() || null;
}

/** Return the items of a text, or null for none: of "list" one a line or with commas, of "args" one a line, as it stands. */
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

/** Return `{input, value()}` of one line of text; `given` is what it holds at first. */
function createBox(given, properties) {
  const input = h("input", { type: "text", ...VERBATIM, ...properties });
  input.value = given ?? "";
  const untouched = input.value;
  return { input, value: () => textValue("text", input.value, { untouched, given }) };
}
