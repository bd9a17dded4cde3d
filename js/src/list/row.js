/** One row of the list: the element of one batch, while it is in the page. */

import { title } from "../batches/batch.js";
import { attributes, h, say } from "../dom/elements.js";
import { clock } from "../kernel/liveness.js";

const ICONS = { good: "✔", bad: "✘", open: "▶", lost: "?" };
const FORGOTTEN = "Livy has forgotten this batch; it is shown from the history";
const AT_LEAST = "at least: it was running when it was first seen";

const cell = (name, column, ...children) =>
  h("div", { class: `livy-cell livy-${name}`, role: "gridcell", "aria-colindex": column }, children);
const text = () => h("span", { class: "livy-text" });

/**
 * Return `{element, fill(batch, {checked, open, asked}), tick()}`.
 *
 * `store` gives a batch's state and tone, `elapsed(batch)` how long it has run, as text; `on` are the row's handlers.
 * `asked` is text about an action that the kernel has not answered yet, or "".
 */
export function createRow({ store, elapsed, on }) {
  const box = h("input", { type: "checkbox", tabindex: -1 });
  const icon = h("span", { class: "livy-icon", "aria-hidden": "true" });
  const [state, name, id, owner, began, time, note] = Array.from({ length: 7 }, text);
  const filled = h("span");
  const bar = h("span", { class: "livy-bar", role: "img", hidden: true }, filled);
  const history = h(
    "span",
    { class: "livy-history", role: "img", "aria-label": "from the history", title: FORGOTTEN, hidden: true },
    "⟲",
  );
  const element = h(
    "div",
    { class: "livy-row", role: "row", tabindex: -1, on },
    cell("check", 1, box),
    cell("state", 2, icon, state),
    cell("name", 3, name, history),
    cell("id", 4, id),
    cell("owner", 5, owner),
    cell("start", 6, began),
    cell("elapsed", 7, time),
    cell("note", 8, bar, note),
  );
  let shown = null;
  let shownAsked = "";

  function tick() {
    if (shown) say(time, elapsed(shown));
  }

  function fill(batch, { checked, open, asked }) {
    attributes(element, { "aria-selected": checked, "data-open": open, "aria-current": open ? "true" : null });
    if (box.checked !== checked) box.checked = checked;
    if (shown === batch && shownAsked === asked) return;
    shown = batch;
    shownAsked = asked;
    const tone = store.toneOf(batch);
    attributes(element, { "data-tone": tone, "data-known": Boolean(batch.known) });
    attributes(box, { "aria-label": `select ${title(batch)}` });
    say(icon, ICONS[tone]);
    say(state, store.stateOf(batch));
    attributes(state, { title: store.stateOf(batch) });
    say(name, batch.name || "–");
    attributes(name, { title: batch.name || null });
    attributes(history, { hidden: Boolean(batch.known) });
    say(id, String(batch.id));
    say(owner, batch.owner);
    const start = batch.exact ? clock(batch.start) : ""; // else it began at some time before
    say(began, start);
    attributes(began, { title: start || null });
    tick();
    attributes(time, { title: batch.exact || batch.start === null ? null : AT_LEAST });
    showNote(batch, asked);
  }

  function showNote(batch, asked) {
    const percent = batch.part === null ? "" : `${Math.round(batch.part * 100)} %`;
    say(note, asked || batch.note || percent);
    attributes(note, { title: asked || batch.note || null, "data-pending": Boolean(asked) });
    attributes(bar, { hidden: !percent || Boolean(asked), title: percent, "aria-label": percent });
    filled.style.width = percent.replace(" ", "");
  }

  return { element, fill, tick };
}
