/**
 * The list of batches: a grid that keeps only the visible rows in the page, and the one with the focus.
 *
 * A row's element belongs to one batch and is removed with it, never reused, so that a click or a key can only act on
 * the batch that the row shows.
 */

import { elapsedText } from "../batches/batch.js";
import { attributes, h, say } from "../dom/elements.js";
import { createRow } from "./row.js";

const HEIGHT = 28; // px of a row and of the head, as in grid.css
const SPARE = 8; // rows drawn above and below the visible ones
const COLUMNS = [
  { by: "state", head: "State" },
  { by: "name", head: "Name" },
  { by: "id", head: "Id" },
  { by: "owner", head: "Owner" },
  { by: "start", head: "Started" },
  { by: "elapsed", head: "Elapsed" },
  { by: "note", head: "Progress or cause" },
];

/**
 * Return the list: `{element, show, refresh, tick, focus, checked, clearChecked, opened, destroy}`.
 *
 * `store` is what createStore() returned; `clock()` returns the kernel's time in seconds. `on` has the handlers
 * `open(row)`, `kill(rows)`, `check(rows)` and `sort(sort)`, where sort is `{by, down}`, or null for newest first.
 */
export function createGrid(store, clock, on) {
  let rows = [];
  let indexOf = new Map();
  let active = null; // the number of the row that has, or last had, the focus
  let lastChecked = null;
  let openRow = null;
  let sort = null;
  let pointerY = null; // px below the scroller's upper edge, while the pointer is over it
  let unseen = 0; // number of new batches above the visible rows
  const checked = new Set();
  const pending = new Map(); // row -> text about the action that the kernel has not answered yet
  const nodes = new Map(); // row -> what createRow() returned, with the index at which it is drawn

  const heads = COLUMNS.map(({ by, head }, index) =>
    h(
      "div",
      {
        class: `livy-cell livy-${by}`,
        role: "columnheader",
        "aria-colindex": index + 2,
        "aria-sort": "none",
        tabindex: -1,
        on: { click: () => sortBy(by), keydown: (event) => headKey(event, index) },
      },
      h("span", {}, head),
      h("span", { class: "livy-arrow", "aria-hidden": "true" }),
    ),
  );
  const headRow = h(
    "div",
    { class: "livy-row livy-head", role: "row", "aria-rowindex": 1 },
    h(
      "div",
      { class: "livy-cell livy-check", role: "columnheader", "aria-colindex": 1 },
      h("span", { class: "livy-spoken" }, "Selected"),
    ),
    heads,
  );
  const body = h("div", { class: "livy-rows", role: "rowgroup" });
  const empty = h("div", { class: "livy-empty", hidden: true });
  const scroller = h(
    "div",
    {
      class: "livy-grid",
      role: "grid",
      "aria-label": "Batches",
      "aria-multiselectable": "true",
      "aria-colcount": COLUMNS.length + 1,
    },
    h("div", { class: "livy-headgroup", role: "rowgroup" }, headRow),
    body,
  );
  const more = h("button", { type: "button", class: "livy-pill", hidden: true, on: { click: toTop } });
  const element = h("div", { class: "livy-list-body" }, scroller, empty, more);

  // ---- rows

  /** Show these rows. Unless `fresh`, the row under the pointer, or the first visible one, stays in its place. */
  function show(newRows, { sort: newSort = null, fresh = false, note = "" } = {}) {
    const anchor = fresh ? null : findAnchor(newRows);
    const before = indexOf.get(active);
    rows = newRows;
    indexOf = new Map(newRows.map((row, index) => [row, index]));
    sort = newSort;
    if (active !== null && !indexOf.has(active)) loseActive(before);
    for (const row of checked) if (!store.get(row)) checked.delete(row);
    attributes(scroller, { "aria-rowcount": rows.length + 1 });
    showSort();
    say(empty, rows.length ? "" : note);
    attributes(empty, { hidden: rows.length > 0 });
    keepPlace(anchor, fresh);
    if (fresh) takeAway();
    draw();
  }

  /** Remove all rows from the page, so that they return in their new order; but not while one has the focus. */
  function takeAway() {
    if (body.contains(document.activeElement)) return;
    nodes.clear();
    body.replaceChildren();
  }

  function findAnchor(newRows) {
    const there = new Set(newRows);
    const candidates = [];
    if (pointerY !== null) candidates.push(rowAt(pointerY));
    if (active !== null && element.contains(document.activeElement)) candidates.push(active);
    if (scroller.scrollTop > 0) {
      const first = Math.floor(scroller.scrollTop / HEIGHT);
      for (let index = first; index < Math.min(rows.length, first + 50); index++) candidates.push(rows[index]);
    }
    const row = candidates.find((candidate) => candidate !== undefined && there.has(candidate) && isInView(candidate));
    if (row === undefined) return null;
    return { row, index: indexOf.get(row), offset: indexOf.get(row) * HEIGHT - scroller.scrollTop };
  }

  function isInView(row) {
    const top = indexOf.get(row) * HEIGHT - scroller.scrollTop;
    return top > -HEIGHT && top < scroller.clientHeight - HEIGHT;
  }

  function rowAt(y) {
    return rows[Math.floor((scroller.scrollTop + y - HEIGHT) / HEIGHT)];
  }

  function keepPlace(anchor, fresh) {
    const height = rows.length * HEIGHT;
    let top = fresh ? 0 : scroller.scrollTop;
    if (anchor) {
      const index = indexOf.get(anchor.row);
      top = Math.max(0, index * HEIGHT - anchor.offset);
      if (!sort && index > anchor.index) unseen += index - anchor.index;
    }
    // If the list is too short to scroll, room below it lets the rows keep their place.
    const room = anchor ? Math.max(height, top + scroller.clientHeight - HEIGHT) : height;
    body.style.height = `${room}px`;
    if (scroller.scrollTop !== top) scroller.scrollTop = top;
    if (fresh || top === 0) unseen = 0;
    showUnseen();
  }

  function showUnseen() {
    attributes(more, { hidden: unseen === 0 });
    say(more, unseen === 1 ? "1 new batch ↑" : `${unseen} new batches ↑`);
  }

  function toTop() {
    scroller.scrollTop = 0;
    unseen = 0;
    showUnseen();
    scroller.focus({ preventScroll: true });
  }

  /** Return the indexes of the rows to draw: the visible ones, some on both sides, and the active row. */
  function drawn() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / HEIGHT) - SPARE);
    const stop = Math.min(rows.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / HEIGHT) + SPARE);
    const indexes = [];
    for (let index = first; index < stop; index++) indexes.push(index);
    const kept = indexOf.get(active);
    if (kept < first) indexes.unshift(kept);
    if (kept >= stop) indexes.push(kept);
    return indexes;
  }

  function draw() {
    const indexes = drawn();
    const wanted = new Set(indexes.map((index) => rows[index]));
    for (const [row, node] of nodes) {
      if (wanted.has(row)) continue;
      node.element.remove();
      nodes.delete(row);
    }
    let above = null;
    for (const index of indexes) {
      const row = rows[index];
      let node = nodes.get(row);
      if (!node) {
        node = rowOf(row);
        nodes.set(row, node);
        // Insert in reading order; do not move existing rows, because that would take the focus away.
        if (above) above.after(node.element);
        else body.prepend(node.element);
      }
      above = node.element;
      if (node.index !== index) {
        node.index = index;
        node.element.style.transform = `translateY(${index * HEIGHT}px)`;
        attributes(node.element, { "aria-rowindex": index + 2 });
      }
      fill(row, node);
    }
    showTabStop();
  }

  function rowOf(row) {
    return createRow({
      store,
      elapsed: (batch) => elapsedText(store, batch, clock()),
      on: {
        click: (event) => click(row, event),
        focus: () => setActive(row),
        keydown: (event) => rowKey(event, row),
      },
    });
  }

  function fill(row, node) {
    const batch = store.get(row);
    if (!batch) return; // gone since the rows were chosen; the next show() leaves it out
    node.fill(batch, { checked: checked.has(row), open: row === openRow, asked: pending.get(row) || "" });
  }

  function tick() {
    for (const node of nodes.values()) node.tick();
  }

  function showSort() {
    COLUMNS.forEach(({ by }, index) => {
      const way = sort && sort.by === by ? (sort.down ? "descending" : "ascending") : "none";
      attributes(heads[index], { "aria-sort": way });
      say(heads[index].lastChild, way === "none" ? "" : way === "descending" ? "▾" : "▴");
    });
  }

  function sortBy(by) {
    if (!sort || sort.by !== by) on.sort({ by, down: false });
    else on.sort(sort.down ? null : { by, down: true });
  }

  // ---- selection

  function check(row, range = false) {
    if (range && lastChecked !== null && indexOf.has(lastChecked) && indexOf.has(row)) {
      const [from, to] = [indexOf.get(lastChecked), indexOf.get(row)].sort((a, b) => a - b);
      for (const each of rows.slice(from, to + 1)) checked.add(each);
    } else if (!checked.delete(row)) {
      checked.add(row);
    }
    lastChecked = row;
    refresh();
    on.check([...checked]);
  }

  function click(row, event) {
    moveTo(row);
    if (event.target.closest(".livy-check") || event.ctrlKey || event.metaKey || event.shiftKey) check(row, event.shiftKey);
    else on.open(row);
  }

  // ---- focus and keys

  function setActive(row) {
    if (active === row) return;
    active = row;
    showTabStop();
  }

  function loseActive(index) {
    const hadFocus = nodes.get(active)?.element.contains(document.activeElement);
    active = rows[Math.min(index ?? 0, rows.length - 1)] ?? null;
    // The focused batch is gone: move the focus to its neighbour, once that is drawn.
    if (hadFocus) queueMicrotask(() => focus());
  }

  /** Give Tab exactly one stop in the list: the active row, else the first one that is drawn, else a column's head. */
  function showTabStop() {
    const stop = nodes.has(active) ? active : rows.find((row) => nodes.has(row));
    for (const [row, node] of nodes) attributes(node.element, { tabindex: row === stop ? 0 : -1 });
    const headHasFocus = heads.includes(document.activeElement);
    heads.forEach((head, index) =>
      attributes(head, {
        tabindex: stop === undefined && (headHasFocus ? head === document.activeElement : index === 0) ? 0 : -1,
      }),
    );
  }

  function moveTo(row) {
    const index = indexOf.get(row);
    if (index === undefined) return;
    active = row;
    reveal(index);
    draw();
    nodes.get(row)?.element.focus({ preventScroll: true });
  }

  function reveal(index) {
    const top = index * HEIGHT;
    const page = scroller.clientHeight - HEIGHT;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + HEIGHT > scroller.scrollTop + page) scroller.scrollTop = top + HEIGHT - page;
  }

  function rowKey(event, row) {
    const page = Math.max(1, Math.floor(scroller.clientHeight / HEIGHT) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[
      event.key
    ];
    const index = indexOf.get(row);
    if (event.key === "ArrowUp" && index === 0) heads[0].focus();
    else if (step !== undefined) {
      const target = rows[Math.max(0, Math.min(rows.length - 1, index + step))];
      if (event.shiftKey && Math.abs(step) === 1 && !checked.has(row)) check(row);
      moveTo(target);
      if (event.shiftKey && Math.abs(step) === 1 && !checked.has(target)) check(target);
    } else if (event.key === "Enter") on.open(row, { byKey: true });
    else if (event.key === " ") check(row, event.shiftKey);
    else if (event.key === "Delete") on.kill(checked.size ? [...checked] : [row]);
    else if (event.key === "Escape" && checked.size) clearChecked();
    else return;
    event.preventDefault();
  }

  function headKey(event, index) {
    const shown = heads.filter((head) => head.offsetWidth > 0);
    const place = shown.indexOf(heads[index]);
    const target = {
      ArrowLeft: shown[place - 1],
      ArrowRight: shown[place + 1],
      Home: shown[0],
      End: shown[shown.length - 1],
    }[event.key];
    if (target) target.focus();
    else if (event.key === "ArrowDown" && rows.length)
      moveTo(rows[Math.min(rows.length - 1, Math.floor(scroller.scrollTop / HEIGHT))]);
    else if (event.key === "Enter" || event.key === " ") sortBy(COLUMNS[index].by);
    else return;
    event.preventDefault();
  }

  function focus() {
    const row = active !== null && indexOf.has(active) ? active : rows[0];
    if (row === undefined) heads[0].focus();
    else moveTo(row);
  }

  function refresh() {
    for (const [row, node] of nodes) fill(row, node);
  }

  function clearChecked() {
    checked.clear();
    refresh();
    on.check([]);
  }

  scroller.addEventListener("pointermove", (event) => {
    pointerY = event.clientY - scroller.getBoundingClientRect().top;
  });
  scroller.addEventListener("pointerleave", () => {
    pointerY = null;
  });
  scroller.addEventListener("scroll", () => {
    draw();
    if (scroller.scrollTop < HEIGHT && unseen) {
      unseen = 0;
      showUnseen();
    }
  });

  const resized = new ResizeObserver(draw);
  resized.observe(scroller);

  return {
    element,
    show,
    refresh,
    tick,
    focus,
    clearChecked,
    get checked() {
      return [...checked];
    },
    /** Mark the batch whose log is open, and scroll it into view, because the log takes room from the list. */
    opened(row) {
      openRow = row;
      if (indexOf.has(row)) reveal(indexOf.get(row));
      refresh();
    },
    /** Show in the batch's row the action that the kernel has not answered yet; "" once it has. */
    pending(row, text) {
      if (text) pending.set(row, text);
      else pending.delete(row);
      refresh();
    },
    destroy() {
      resized.disconnect();
    },
  };
}
