/** The lower half: one batch's title and actions, and the tabs Log, Request and Cause. */

import { title, unkillable } from "../batches/batch.js";
import { attributes, button, h, link, say } from "../dom/elements.js";
import { createOverflowMenu } from "../dom/overflow.js";

const TABS = [
  ["log", "Log"],
  ["request", "Request"],
  ["cause", "Cause"],
];

/**
 * Return `{element, logHost, open(row), update(), close()}`.
 *
 * `on` has the handlers `back()`, `kill(row)`, `resubmit(row)` and `copy(row)`. Call `update()` when the batches have
 * changed.
 */
export function createDetail({ channel, store, on }) {
  let row = null;
  let shown = null; // the batch as it was last drawn
  let tab = "log";
  let answer = null; // the last `detail` message, with the row of its batch
  let asked = 0;

  const name = h("span", { class: "livy-detail-name" });
  const state = h("span", { class: "livy-detail-state" });
  const back = button("‹ Back", () => on.back(), { class: "livy-back" });
  const links = h("span", { class: "livy-links" });
  const copy = button("Copy line", () => on.copy(row));
  const resubmit = button("Resubmit", () => on.resubmit(row));
  const kill = button("Kill", () => on.kill(row), { class: "livy-danger" });
  const panels = {};
  const tabs = TABS.map(([key, text]) => {
    const id = `livy-${key}-${channel.view}`;
    panels[key] = h("div", {
      class: `livy-tabpanel livy-tab-${key}`,
      role: "tabpanel",
      id,
      "aria-labelledby": `${id}-tab`,
      hidden: key !== "log",
    });
    return button(text, () => choose(key), {
      class: "livy-tab",
      role: "tab",
      id: `${id}-tab`,
      "aria-controls": id,
      "aria-selected": key === "log",
      tabindex: key === "log" ? 0 : -1,
    });
  });
  attributes(panels.request, { tabindex: 0 });
  attributes(panels.cause, { tabindex: 0 });
  const tablist = h(
    "div",
    { class: "livy-tabs", role: "tablist", "aria-label": "Of this batch", on: { keydown: tabKey } },
    tabs,
  );
  const head = h(
    "div",
    { class: "livy-detail-head" },
    back,
    h("span", { class: "livy-detail-title" }, name, state),
    tablist,
    h("span", { class: "livy-acts" }, createOverflowMenu("more of this batch", links, copy, resubmit), kill),
  );
  const holder = h("div", { class: "livy-tabpanels" }, Object.values(panels));
  const element = h("section", { class: "livy-detail", "aria-label": "Batch", hidden: true }, head, holder);

  function tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const index = TABS.findIndex(([key]) => key === tab);
    const next = (index + step + TABS.length) % TABS.length;
    choose(TABS[next][0]);
    tabs[next].focus();
    event.preventDefault();
  }

  function choose(key) {
    tab = key;
    TABS.forEach(([each], index) => {
      attributes(tabs[index], { "aria-selected": each === key, tabindex: each === key ? 0 : -1 });
      panels[each].hidden = each !== key;
    });
    if (key !== "log") ask();
  }

  async function ask() {
    const mine = ++asked;
    const wanted = row;
    if (!answer || answer.row !== wanted) showNote("asking the kernel …");
    const late = (lateness) => {
      if (mine === asked && (!answer || answer.row !== wanted))
        showNote(lateness === "gone" ? "kernel gone" : `kernel ${lateness}: shown when it answers`);
    };
    try {
      const detail = await channel.request("detail", { row: wanted }, { late });
      if (mine !== asked) return;
      answer = { ...detail, row: wanted };
      showRequest();
      showCause();
      showLinks();
    } catch (error) {
      if (mine === asked) showNote(error.message);
    }
  }

  function showNote(text) {
    panels.request.replaceChildren(h("p", { class: "livy-remark" }, text));
    panels.cause.replaceChildren(h("p", { class: "livy-remark" }, text));
  }

  function showRequest() {
    const facts = h(
      "dl",
      { class: "livy-facts" },
      (answer.facts || []).map(([label, text]) => [h("dt", {}, label), h("dd", {}, link(text, text) || text)]),
    );
    const body = answer.body
      ? h("pre", { class: "livy-body" }, answer.body)
      : h("p", { class: "livy-remark" }, "What was submitted is not known: it was not submitted from here.");
    panels.request.replaceChildren(facts, body);
  }

  function showCause() {
    const lines = answer.cause || [];
    const tone = shown ? store.toneOf(shown) : "lost";
    const none = {
      bad: "No cause was found in the log.",
      good: "It ended well.",
      open: "It has not ended.",
      lost: "What became of it is not known.",
    }[tone];
    panels.cause.replaceChildren(
      lines.length ? h("pre", { class: "livy-body" }, lines.join("\n")) : h("p", { class: "livy-remark" }, none),
    );
  }

  function showLinks() {
    const known = [
      ["Spark UI", shown.ui],
      ["driver log", shown.driver],
      ...(answer && answer.row === row ? answer.links || [] : []),
    ];
    const byAddress = new Map(
      known
        .filter(([, url]) => url)
        .map(([text, url]) => [url, text])
        .reverse(),
    );
    links.replaceChildren(
      ...[...byAddress]
        .reverse()
        .map(([url, text]) => link(url, `${text} ↗`))
        .filter(Boolean),
    );
  }

  function stateWords(batch) {
    if (batch.known) return batch.state;
    const seen = store.stateOf(batch) === batch.state ? "" : " when last seen";
    return `${batch.state}${seen}, from the history`;
  }

  function update() {
    const batch = row === null ? null : store.get(row);
    if (!batch || batch === shown) return;
    const before = shown;
    shown = batch;
    say(name, title(batch));
    attributes(name, { title: title(batch) });
    say(state, stateWords(batch));
    attributes(head, { "data-tone": store.toneOf(batch) });
    const why = unkillable(store, batch);
    attributes(kill, { "aria-disabled": Boolean(why), title: why || null });
    for (const [each, does] of [
      [copy, "copy as a %livy_submit line"],
      [resubmit, "open the form with what was submitted"],
    ])
      attributes(each, {
        "aria-disabled": !batch.again,
        title: batch.again ? does : "what was submitted is not known",
      });
    const addresses = (each) => each && [each.row, each.ui, each.driver].join("\n");
    if (addresses(before) !== addresses(batch)) showLinks();
    if (
      tab !== "log" &&
      before &&
      (before.row !== batch.row || before.state !== batch.state || before.note !== batch.note)
    )
      ask();
  }

  return {
    element,
    logHost: panels.log,
    update,
    get row() {
      return row;
    },
    open(newRow) {
      row = newRow;
      element.hidden = false;
      if (tab !== "log" && !shown) ask();
      update();
    },
  };
}
