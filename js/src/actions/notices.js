/** Notices about the actions and their results, one line each, at the foot of the panel. */

import { button, h, say } from "../dom/elements.js";

const SHOWN = 6000; // ms that a "good" notice stays
const MOST = 3; // lines above which older "good" notices are removed

/**
 * Return `{element, add(text, tone) -> update(text, tone)}`; tone is "busy", "good" or "bad". A "bad" notice stays
 * until the user closes it. An empty text removes the line.
 */
export function createNotices() {
  const element = h("div", { class: "livy-notices", role: "status", "aria-live": "polite" });

  function add(text, tone) {
    const words = h("span", { class: "livy-notice-text" });
    const icon = h("span", { class: "livy-icon", "aria-hidden": "true" });
    const line = h(
      "div",
      { class: "livy-notice" },
      icon,
      words,
      button("×", () => line.remove(), { class: "livy-quiet", "aria-label": "close this message", title: "close" }),
    );
    let timer = 0;
    function update(newText, newTone) {
      clearTimeout(timer);
      if (!newText) line.remove();
      if (!newText) return;
      say(words, newText);
      say(icon, { busy: "", good: "✔", bad: "✘" }[newTone]);
      line.dataset.tone = newTone;
      if (!line.isConnected) element.append(line);
      if (newTone === "good") timer = setTimeout(() => line.remove(), SHOWN);
    }
    update(text, tone);
    const old = [...element.querySelectorAll('[data-tone="good"]')].slice(
      0,
      Math.max(0, element.childElementCount - MOST),
    );
    old.filter((each) => each !== line).forEach((each) => each.remove());
    return update;
  }

  return { element, add };
}
