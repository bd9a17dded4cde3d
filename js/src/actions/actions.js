/** Actions on existing batches: kill, after one question, and copy a batch as a line. */

import { ENDED, title, unkillable } from "../batches/batch.js";
import { toClipboard } from "../dom/clipboard.js";
import { button, h, say } from "../dom/elements.js";
import { LATE_ACTIONS, LATE_WORDS } from "../kernel/liveness.js";

const NAMED = 5; // most batches to name in a question; the others are counted

function named(titles) {
  const more = titles.length - NAMED;
  return titles.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Return `{element, kill(rows), copy(row)}`; `element` shows the question, and `grid` marks the pending rows. */
export function createActions({ channel, store, grid, notices }) {
  const question = h("span", { class: "livy-question", id: `livy-question-${channel.view}` });
  const yes = button("Kill", () => confirmed(), { class: "livy-danger" });
  const no = button("Keep running", () => close());
  const element = h(
    "div",
    {
      class: "livy-confirm",
      role: "alertdialog",
      "aria-labelledby": question.id,
      hidden: true,
      on: {
        keydown: (event) => {
          if (event.key === "Escape") close();
        },
      },
    },
    question,
    yes,
    no,
  );
  let asked = [];
  let back = null;

  function kill(rows) {
    const batches = rows.map((row) => store.get(row)).filter(Boolean);
    const reasons = batches.map((batch) => unkillable(store, batch));
    const alive = batches.filter((_, index) => !reasons[index]);
    const rest = rows.length - alive.length;
    const restWords = reasons.some((why) => why && why !== ENDED) ? "not known to run" : "ended already";
    if (!alive.length) {
      const why = rows.length === 1 ? reasons[0] || "it is gone" : "none of them is known to run";
      notices.add(`not killed: ${why}`, "bad");
      return;
    }
    asked = alive.map((batch) => ({ row: batch.row, title: title(batch) }));
    const which =
      asked.length === 1 ? asked[0].title : `${asked.length} batches: ${named(asked.map((batch) => batch.title))}`;
    say(question, `Kill ${which}?${rest ? ` (${rest} of the selected ${restWords})` : ""}`);
    say(yes, asked.length === 1 ? "Kill" : `Kill ${asked.length}`);
    if (element.hidden) back = document.activeElement;
    element.hidden = false;
    yes.focus();
  }

  function close() {
    element.hidden = true;
    if (back && back.isConnected) back.focus({ preventScroll: true });
    else grid.focus();
  }

  async function confirmed() {
    const batches = asked;
    close();
    const what = batches.length === 1 ? batches[0].title : `${batches.length} batches`;
    const update = notices.add(`kill requested: ${what}`, "busy");
    const titles = new Map(batches.map((batch) => [batch.row, batch.title]));
    const failures = [];
    const done = [];
    for (const row of titles.keys()) grid.pending(row, "kill requested …");
    grid.clearChecked();
    const each = (ack) => {
      const rows = ack.row === null || ack.row === undefined ? [...titles.keys()] : [ack.row];
      for (const row of rows) {
        grid.pending(row, "");
        if (ack.ok) done.push(ack.text);
        else failures.push(`${titles.get(row)}: ${ack.text}`);
      }
    };
    const late = (lateness) => {
      update(`kill requested: ${what}; ${LATE_ACTIONS[lateness]}`, lateness === "gone" ? "bad" : "busy");
      if (lateness === "gone") for (const row of titles.keys()) grid.pending(row, "");
    };
    await channel.request("kill", { rows: [...titles.keys()] }, { each, late });
    if (failures.length)
      update(`${done.length ? `killed: ${done.length}; ` : ""}not killed: ${named(failures)}`, "bad");
    else update(done.length === 1 ? `${what}: ${done[0]}` : `killed: ${what}`, "good");
  }

  async function copy(row) {
    const what = title(store.get(row));
    const update = notices.add(`copying ${what} as a line …`, "busy");
    try {
      const { text } = await channel.request(
        "line",
        { row },
        { late: (lateness) => update(LATE_WORDS[lateness], "busy") },
      );
      try {
        await toClipboard(text);
        update(`copied: ${text.split("\n")[0]}`, "good");
      } catch {
        update(`this browser does not let the panel copy; here is ${what} as a line`, "good");
        element.before(shownLine(text));
      }
    } catch (error) {
      update(`not copied: ${error.message}`, "bad");
    }
  }

  return { element, kill, copy };
}

function shownLine(text) {
  const area = h("textarea", {
    class: "livy-line",
    readonly: true,
    rows: Math.min(8, text.split("\n").length),
    "aria-label": "the batch as a line",
  });
  area.value = text;
  const place = h(
    "div",
    { class: "livy-shown-line" },
    area,
    button("×", () => place.remove(), { class: "livy-quiet", "aria-label": "close" }),
  );
  queueMicrotask(() => area.select());
  return place;
}
