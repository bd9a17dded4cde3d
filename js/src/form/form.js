/** The form to submit a batch, built from the fields that the kernel sends. */

import { attributes, button, h, say } from "../dom/elements.js";
import { LATE_ACTIONS, LATE_WORDS } from "../kernel/liveness.js";
import { createControl } from "./fields.js";

/**
 * Return `{element, open(row, name), close, isOpen}`; row null opens an empty form, else the form holds that batch's
 * request.
 *
 * `on.opened(open)` is called when the form opens and closes, `on.submitted(row)` with the new batch's row. The typed
 * values stay until they are submitted or cancelled; Escape only hides the form.
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
  let kept; // the row of the filled-in form, which may be hidden but keeps its typed values; undefined: there is none

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
    form.noValidate = true; // the kernel validates, and explains errors
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
          if (lateness === "slow" && progress) return; // the progress is more informative
          update(`submit requested; ${LATE_ACTIONS[lateness]}`, lateness === "gone" ? "bad" : "busy");
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
    const seen = mine === turn; // the form shows the error itself, unless it was closed
    update(seen ? "" : `not submitted: ${ack.text}`, "bad");
    const errors = Object.entries(ack.errors || {});
    trouble.hidden = errors.length === 1; // a single error is shown at its field
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
