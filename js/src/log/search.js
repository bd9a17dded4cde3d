/** The search box of a log: the query, the number of hits, and the buttons for the next and the previous hit. */

import { attributes, button, h, say, VERBATIM } from "../dom/elements.js";

const PAUSE = 250; // ms without typing before the kernel is asked

/**
 * Return `{element, matchCase, focus, forget}`: the box with its arrows, and the button for case.
 *
 * `ask(type, members) -> Promise of a "hits" message` asks the kernel; `from()` returns the line at which to start;
 * `mark(query, matchCase)` is called when the query changes, `go(line)` to show a hit, `leave()` when the reader leaves
 * the box, `failed(error)` when the kernel answers with an error.
 */
export function createSearch({ ask, from, mark, go, leave, failed }) {
  const box = h("input", {
    type: "search", class: "livy-log-query", placeholder: "search", "aria-label": "Search the log", ...VERBATIM,
    on: { input: onInput, keydown: onKey },
  });
  const count = h("span", { class: "livy-log-count", role: "status" });
  const before = button("↑", () => step(-1), { title: "previous hit (Shift+Enter)", "aria-label": "previous hit" });
  const next = button("↓", () => step(1), { title: "next hit (Enter)", "aria-label": "next hit" });
  const matchCase = button("Aa", toggleCase, {
    title: "match case", "aria-label": "match case", "aria-pressed": false,
  });
  const element = h(
    "span",
    { class: "livy-log-search", role: "search" },
    h("span", { class: "livy-log-field" }, box, count),
    before,
    next,
  );

  let exact = false;
  let found = null; // {n, total} of the kernel's current search
  let pausing = 0;
  let turn = 0; // number of the newest request; older answers are ignored

  function show(text, none = false) {
    say(count, text);
    count.classList.toggle("livy-log-none", none);
  }

  async function put(question) {
    const mine = ++turn;
    try {
      const hits = await question;
      if (mine !== turn) return;
      found = { n: hits.n, total: hits.total };
      if (!hits.total) return show("no hit", true);
      show(`${(hits.n + 1).toLocaleString("en")}/${hits.total.toLocaleString("en")}`);
      if (hits.line >= 0) go(hits.line);
    } catch (error) {
      if (mine === turn) show("");
      failed(error);
    }
  }

  function search() {
    clearTimeout(pausing);
    pausing = 0;
    if (box.value) put(ask("search", { query: box.value, case: exact, at: from() }));
  }

  function step(by) {
    if (!box.value) return box.focus();
    if (pausing || !found) return search();
    if (!found.total) return search(); // the log may have grown
    put(ask("hit", { n: (found.n + by + found.total) % found.total }));
  }

  function forget() {
    clearTimeout(pausing);
    pausing = 0;
    turn += 1;
    found = null;
    show("");
  }

  function onInput() {
    forget();
    mark(box.value, exact);
    if (box.value) pausing = setTimeout(search, PAUSE);
  }

  function toggleCase() {
    exact = !exact;
    attributes(matchCase, { "aria-pressed": exact });
    onInput();
  }

  function onKey(event) {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && box.value) clear();
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function clear() {
    box.value = "";
    onInput();
    leave();
  }

  return {
    element,
    matchCase,
    focus() {
      box.focus();
      box.select();
    },
    /** Drop the results, because another log is shown, whose search the kernel does not know. */
    forget,
  };
}
