/** What became of the actions, one line each, at the foot of the panel. */

import { button, h, say } from "../dom/elements.js";

const SHOWN = 6000; // ms that good news stays
const MOST = 3; // lines, as long as the older ones are good news

/**
 * Return `{element, add(text, tone) -> update(text, tone)}`; tone is "busy", "good" or "bad". Bad news stays until
 * closed. An empty text takes the line away.
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
