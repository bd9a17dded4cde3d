/** The log viewer of the selected batch: its lines, toolbar, following, errors, selected lines, keys. */

import { attributes, button, h, say } from "../dom/elements.js";
import { createOverflowMenu } from "../dom/overflow.js";
import { decode } from "../kernel/channel.js";
import { counted, createExporter, number } from "./export.js";
import { createLineCache } from "./linecache.js";
import { createSearch } from "./search.js";
import { createViewport } from "./viewport.js";

const ASKS = 2; // most requests for lines at a time
const AHEAD = 60; // lines to fetch beyond those drawn

const LATE = {
  busy: "kernel busy: missing lines come when its cell ends",
  slow: "the kernel is still fetching lines",
  gone: "kernel gone: missing lines cannot be fetched",
};

/**
 * Put the log viewer into `host` and return `{open(row, title), live(isLive, since), focus, destroy}`.
 *
 * `row` is a batch's row number, `title` its name or id, which screen readers and the file name of a download use.
 */
export function createLog(host, channel) {
  let log = null; // the open log: {row, title, only, lines, asked, known, done, follow, seen, errorAt, anchor}
  let only = "all";
  let live = true; // whether the log is kept current
  let old = ""; // if not: "as of 14:02"

  const viewport = createViewport({ drawn: fetchMissing, scrolled: onScrolled, numberClicked: onNumber });
  const search = createSearch({
    ask: (type, members) => ask(type, members),
    from: () => viewport.first,
    mark: viewport.mark,
    go: goTo,
    leave: () => viewport.element.focus({ preventScroll: true }),
    failed,
  });
  const choice = h(
    "select",
    { class: "livy-log-only", "aria-label": "What of the log is shown", on: { change: onChoice } },
    h("option", { value: "all" }, "everything"),
    h("option", { value: "output" }, "program output"),
  );
  const follow = button("follow", toggleFollow, {
    class: "livy-log-follow", "aria-pressed": false, title: "stay at the end while the log grows",
  });
  const wrap = button("wrap", toggleWrap, { "aria-pressed": false, title: "break long lines" });
  const first = button("first error", () => findError(0, false), { title: "go to the first error or exception" });
  const before = button("↑", () => nextError(true), {
    title: "previous error (Shift+N)", "aria-label": "previous error", "aria-keyshortcuts": "Shift+N",
  });
  const next = button("↓", () => nextError(false), {
    title: "next error (N)", "aria-label": "next error", "aria-keyshortcuts": "N",
  });
  const exporter = createExporter({ channel, tell, current: () => log, selected: () => viewport.selected });
  const said = h("span", { class: "livy-log-said", role: "status" });
  const extent = h("span", { class: "livy-log-extent" });
  const trouble = h("div", { class: "livy-log-trouble", role: "status", hidden: true });
  const empty = h("div", { class: "livy-log-empty" });
  const busy = h("div", { class: "livy-log-busy", role: "status", hidden: true });
  const pill = button("", startFollowing, { class: "livy-log-pill", hidden: true });
  const bar = h(
    "div",
    { class: "livy-log-bar" },
    search.element,
    createOverflowMenu(
      "more of this log",
      search.matchCase,
      h("span", { class: "livy-log-group" }, first, before, next),
      choice,
      wrap,
      exporter.element,
    ),
    follow,
  );
  const element = h(
    "div",
    { class: "livy-log", on: { keydown: onKey } },
    bar,
    trouble,
    h("div", { class: "livy-log-body" }, viewport.element, empty, busy, pill),
    h("div", { class: "livy-log-foot" }, said, extent),
  );
  host.append(element);
  const offs = [
    channel.on("log", onLog), channel.on("tail", onTail), channel.on("snapshot", reopen), channel.on("kernel", tellExtent),
  ];
  show(null);

  // The open log

  function show(opened) {
    log = opened;
    search.forget();
    say(said, "");
    note(trouble, "");
    note(busy, "");
    attributes(bar, { inert: !log });
    viewport.show(log ? log.lines : createLineCache(), log ? `Log of ${log.title}` : "Log");
    tellExtent();
  }

  function open(row, title) {
    if (log && log.row === row && log.only === only) return;
    show({
      row, title: String(title), only, lines: createLineCache(), asked: new Map(), known: false, done: false,
      follow: false, seen: 0, errorAt: -1, anchor: -1,
    });
    tellOpen();
  }

  function tellOpen() {
    channel.tell("open", { row: log.row, only: log.only, follow: true });
    channel.ping(); // gets no answer if the kernel is busy, which then shows
  }

  /** Open the log again after a new snapshot: the kernel may have lost the view's open log and requests. */
  function reopen() {
    if (!log) return;
    log.asked = new Map();
    tellOpen();
    viewport.schedule();
  }

  function onChoice() {
    only = choice.value;
    if (log) open(log.row, log.title);
  }

  const isOpen = (message) => log !== null && message.row === log.row && message.only === log.only;

  function onLog(message) {
    if (!isOpen(message)) return;
    grow(message.total);
    log.done = message.done;
    note(trouble, message.trouble);
    if (!log.known) {
      log.known = true;
      startFollowing();
    }
    tellExtent();
    viewport.schedule();
  }

  function onTail(message) {
    if (!isOpen(message)) return;
    if (log.follow && viewport.hasSelection) stopFollowing(); // selected text must not scroll away
    grow(message.total);
    log.lines.put(message.from, decode(message.bytes), message.kinds);
    tellExtent();
    viewport.schedule();
  }

  function grow(total) {
    log.lines.grow(total);
    log.seen = log.follow ? total : Math.min(log.seen, total);
  }

  // Lines from the kernel

  function ask(type, members, listeners) {
    return channel.request(type, { row: log.row, only: log.only, ...members }, listeners);
  }

  function fetchMissing({ from, to }) {
    if (!log) return;
    for (const range of log.lines.wanted(Math.max(0, from - AHEAD), to + AHEAD)) {
      if (log.asked.size >= ASKS) return;
      if (!log.asked.has(range.from)) fetchLines(log, range);
    }
  }

  async function fetchLines(asking, { from, to }) {
    const { asked, lines } = asking;
    asked.set(from, "");
    try {
      const answer = await ask("lines", { from, to }, { late: (how) => onLate(asking, from, how) });
      asked.delete(from);
      if (asking !== log) return;
      lines.put(answer.from, decode(answer.bytes), answer.kinds);
      tellLate();
      if (answer.kinds) viewport.schedule(); // drawing requests further missing lines
    } catch (error) {
      asked.delete(from);
      if (asking !== log) return;
      tellLate();
      note(trouble, error.message);
    }
  }

  function onLate(asking, from, how) {
    asking.asked.set(from, how);
    if (asking === log) tellLate();
  }

  function tellLate() {
    const late = [...log.asked.values()].find(Boolean);
    note(busy, late ? LATE[late] : "");
  }

  // Texts

  function note(place, text) {
    say(place, text || "");
    attributes(place, { hidden: !text });
  }

  function tell(text) {
    say(said, text);
  }

  function failed(error) {
    tell(error.message);
  }

  function tellExtent() {
    const total = log ? log.lines.total : 0;
    say(extent, total ? [counted(total), extentWords()].filter(Boolean).join(" · ") : "");
    note(empty, emptyWords(total));
    attributes(follow, { "aria-pressed": Boolean(log && log.follow && !log.done), disabled: !log || log.done });
    const more = log ? total - log.seen : 0;
    const behind = Boolean(log && log.known && !log.follow && more > 0);
    if (behind) say(pill, `▾ ${number(more)} new ${more === 1 ? "line" : "lines"}`);
    attributes(pill, { hidden: !behind });
  }

  function extentWords() {
    if (log.done) return "";
    return live ? "growing" : old || "may be old";
  }

  function emptyWords(total) {
    if (!log || total) return "";
    if (!log.known) return LATE[channel.kernel] || "Waiting for the log …";
    const what = log.only === "output" ? "The program has printed nothing" : "The log is empty";
    if (log.done) return `${what}.`;
    return live ? `${what} so far.` : `${what}, ${old || "as far as is known"}.`;
  }

  // The reader's place

  function onScrolled(up) {
    if (!log) return;
    if (up && log.follow && !viewport.atEnd) stopFollowing();
    else if (viewport.atEnd) atEnd();
  }

  function atEnd() {
    log.seen = log.lines.total;
    if (!log.done) startFollowing();
    else tellExtent();
  }

  function stopFollowing() {
    viewport.stay();
    log.follow = false;
    log.seen = log.lines.total;
    tellExtent();
  }

  function startFollowing() {
    log.follow = !log.done;
    log.seen = log.lines.total;
    if (log.follow) viewport.follow();
    else viewport.toEnd();
    tellExtent();
  }

  function toggleFollow() {
    if (log.follow) stopFollowing();
    else startFollowing();
  }

  function toggleWrap() {
    viewport.wrap(!viewport.wrapped);
    attributes(wrap, { "aria-pressed": viewport.wrapped });
  }

  function goTo(line) {
    if (log.follow) stopFollowing();
    tell("");
    viewport.toLine(line);
  }

  /** Go to the first error at or after line `at`; if `back`, to the last one before it. */
  async function findError(at, back) {
    const asking = log;
    try {
      const { line } = await ask("error", { at, back });
      if (asking !== log) return;
      if (line === null) return tell(noError(at, back));
      log.errorAt = line;
      goTo(line);
      tell(`error in line ${number(line + 1)}`);
    } catch (error) {
      failed(error);
    }
  }

  function noError(at, back) {
    if (back) return "no error before this line";
    return at > 0 ? "no error after this line" : "no error found";
  }

  function nextError(back) {
    const seen = log.errorAt >= 0 && viewport.shows(log.errorAt);
    findError(seen ? log.errorAt + (back ? 0 : 1) : viewport.first, back);
  }

  // Selected lines

  function onNumber(line, extend) {
    if (!extend || log.anchor < 0) log.anchor = line;
    select({ from: Math.min(line, log.anchor), to: Math.max(line, log.anchor) + 1 });
  }

  function select(range) {
    viewport.select(range);
    const size = range.to - range.from;
    const last = number(range.to);
    tell(size === 1 ? `line ${last} selected` : `lines ${number(range.from + 1)}–${last} selected`);
  }

  function unselect() {
    viewport.select(null);
    tell("");
  }

  // Keys

  function onKey(event) {
    const command = event.ctrlKey || event.metaKey;
    if (!log) return;
    if (command && event.key === "f") search.focus();
    else if (event.target !== viewport.element || event.altKey) return;
    else if (command && event.key === "a") select({ from: 0, to: log.lines.total });
    else if (command && event.key === "c" && viewport.selected && getSelection().isCollapsed) exporter.copy();
    else if (command) return;
    else if (event.key === "n" || event.key === "N") nextError(event.shiftKey);
    else if (event.key === "Escape" && viewport.selected) unselect();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return {
    open,
    /** Set whether the log is kept current; `since` is "as of 14:02" if it is not. */
    live(isLive, since) {
      if (live === isLive && old === since) return;
      [live, old] = [isLive, since];
      tellExtent();
    },
    focus: () => viewport.element.focus({ preventScroll: true }),
    destroy() {
      offs.forEach((off) => off());
      viewport.destroy();
      element.remove();
    },
  };
}
