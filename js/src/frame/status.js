/** The line with the status of server and kernel. */

import { attributes, h, say } from "../dom/elements.js";

/** Return `{element, show(state)}`; `state` is what liveness() returns. */
export function createStatus() {
  const text = h("span", { class: "livy-status-text", "aria-hidden": "true" });
  const element = h("div", { class: "livy-status" }, h("span", { class: "livy-dot", "aria-hidden": "true" }), text);
  // A screen reader speaks this when the status changes in kind, not at every second.
  const spoken = h("span", { class: "livy-spoken", role: "status" });
  element.append(spoken);
  return {
    element,
    show({ tone, text: line }) {
      say(text, line);
      say(spoken, line.replace(/,? (for )?(just now|\d+ (s|min)( ago)?)/g, ""));
      attributes(element, { "data-tone": tone, title: line });
    },
  };
}
