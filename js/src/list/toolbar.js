/** The toolbar above the list: the filters, or the actions on the selected batches. */

import { attributes, button, h, say, VERBATIM } from "../dom/elements.js";

/**
 * Return `{element, counts(counts, total, filters, store), checked(count, killable)}`.
 *
 * `on` has the handlers `filter({text, mine, states})`, which gets only the changed members, `kill()`, `clear()` and
 * `toList()`.
 */
export function createToolbar(on) {
  const box = h("input", {
    type: "search",
    class: "livy-filter",
    placeholder: "filter …",
    "aria-label": "Filter by name, id, owner, state or cause",
    ...VERBATIM,
    on: { input: () => on.filter({ text: box.value }), keydown: boxKey },
  });
  const mine = h("input", { type: "checkbox", on: { change: () => on.filter({ mine: mine.checked }) } });
  const chips = h("div", { class: "livy-chips", role: "group", "aria-label": "States" });
  const bar = h(
    "div",
    { class: "livy-filters", role: "group", "aria-label": "Filters" },
    box,
    chips,
    h("label", { class: "livy-mine", title: "submitted from here, or owned by me" }, mine, "mine"),
  );
  const killButton = button("Kill", () => on.kill(), { class: "livy-danger" });
  const selected = h("span", {});
  const selection = h(
    "div",
    { class: "livy-selection", role: "group", "aria-label": "Selected batches", hidden: true },
    selected,
    killButton,
    button("Clear", () => on.clear()),
  );
  const element = h("div", { class: "livy-bars" }, bar, selection);
  const chipOf = new Map();

  function boxKey(event) {
    if (event.key === "Escape" && box.value) {
      box.value = "";
      on.filter({ text: "" });
    } else if (event.key === "ArrowDown" || event.key === "Enter") on.toList();
    else return;
    event.preventDefault();
  }

  /** Show a chip for each state; a state keeps its chip's element. */
  function counts(list, total, { states }, store) {
    const wanted = ["", ...list.map(([state]) => state)];
    const numbers = new Map([["", total], ...list]);
    for (const [state, chip] of chipOf) {
      if (numbers.has(state)) continue;
      chip.remove();
      chipOf.delete(state);
    }
    wanted.forEach((state, index) => {
      if (!chipOf.has(state)) {
        chipOf.set(
          state,
          button(
            "",
            () => {
              const next = new Set(state ? states : []);
              if (state && !next.delete(state)) next.add(state);
              states.clear();
              next.forEach((each) => states.add(each));
              on.filter({ states });
            },
            { class: "livy-chip" },
          ),
        );
      }
      const chip = chipOf.get(state);
      say(chip, `${state || "all"} ${numbers.get(state)}`);
      attributes(chip, {
        "aria-pressed": state ? states.has(state) : !states.size,
        "data-tone": state ? store.tone(state) : null,
      });
      if (chips.children[index] !== chip) chips.insertBefore(chip, chips.children[index] || null);
    });
  }

  return {
    element,
    counts,
    checked(count, killable) {
      selection.hidden = count === 0;
      say(selected, `${count} selected`);
      say(killButton, `Kill ${killable} …`);
      attributes(killButton, { "aria-disabled": killable === 0 });
    },
  };
}
