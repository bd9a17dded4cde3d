/**
 * The visible lines of a log: draws the scroller's window of lines, and reports when a reader scrolls.
 *
 * The lines are in a sheet that sticks to the view, so only the scroller decides what is visible: correcting the scroll
 * bar, or a growing log, never moves a visible line.
 */

import { h } from "../dom/elements.js";
import { marked, pattern, pieces } from "./ansi.js";
import { createScroller, ROW } from "./scroller.js";

const SPARE = 8; // lines drawn beyond each edge of the view
const SETTLED = 150; // ms after the last scroll before the scroll bar is corrected
const KINDS = { p: "program", s: "spark", d: "diagnostics", g: "gap", e: "error", w: "warning" };

/**
 * Return a viewport, whose `element` the caller puts into the page.
 *
 * `drawn({from, to})` is called after each drawing with the drawn lines; `scrolled(up)` when a reader has scrolled,
 * where `up` means towards the beginning; `numberClicked(line, extend)` for a click on a line's number.
 */
export function createViewport({ drawn, scrolled, numberClicked }) {
  const rowsOf = h("div", { class: "livy-log-rows" });
  const sheet = h("div", { class: "livy-log-sheet" }, rowsOf);
  const space = h("div", { class: "livy-log-space" }, sheet);
  const element = h("div", { class: "livy-log-scroll", tabindex: 0, role: "region" }, space);
  element.style.setProperty("--livy-log-row", `${ROW}px`);

  const scroller = createScroller();
  const rows = new Map(); // line -> its element, in the order of the page
  const heights = new Map(); // line -> px, of the drawn lines, if lines wrap
  let lines = null;
  let wrapped = false;
  let searched = null; // the pattern whose hits are marked
  let current = -1; // the line of the last jump
  let selected = null; // {from, to}, `to` exclusive
  let look = 0; // counts changes that affect the drawing of all lines
  let following = false; // stay at the end while the log grows
  let aim = null; // the last jump, repeated until its lines have arrived, since they may be tall
  let reveal = false; // bring the current line's first hit into view sideways
  let longest = 0; // characters
  let digits = 0; // of the longest line number
  let frame = 0;
  let settling = 0;

  function fill(row, line) {
    const found = lines.at(line);
    const text = found ? found.text : null;
    if (row.shown === text && row.look === look) return;
    row.shown = text;
    row.look = look;
    row.className = `livy-log-line livy-log-${found ? KINDS[found.kind] || "program" : "missing"}`;
    row.firstChild.dataset.line = found && found.kind === "g" ? "" : String(line + 1);
    row.lastChild.replaceChildren(...(found ? spans(text) : ["…"]));
    if (found) widen(text.length);
  }

  function spans(text) {
    return marked(pieces(text), searched).map((part) => {
      if (!part.hit && !part.classes.length) return part.text;
      const span = h(part.hit ? "mark" : "span", { class: part.classes.join(" ") || null }, part.text);
      if (part.fg) span.style.setProperty("--livy-fg", part.fg);
      if (part.bg) span.style.setProperty("--livy-bg", part.bg);
      return span;
    });
  }

  function widen(characters) {
    if (characters <= longest) return;
    longest = characters;
    space.style.setProperty("--livy-log-longest", longest);
  }

  function newRow(line) {
    const row = h("div", {}, h("span", { class: "livy-log-number" }), h("span", { class: "livy-log-text" }));
    row.firstChild.addEventListener("mousedown", (event) => event.preventDefault()); // do not select text
    row.firstChild.addEventListener("click", (event) => {
      element.focus({ preventScroll: true });
      numberClicked(line, event.shiftKey);
    });
    rows.set(line, row);
    return row;
  }

  function render({ from, to }) {
    for (const [line, row] of rows) {
      if (line >= from && line < to) continue;
      row.remove();
      rows.delete(line);
    }
    let next = rowsOf.firstChild;
    for (let line = from; line < to; line += 1) {
      const row = rows.get(line) || newRow(line);
      if (row === next) next = row.nextSibling;
      else rowsOf.insertBefore(row, next);
      fill(row, line);
      row.classList.toggle("livy-log-current", line === current);
      row.classList.toggle("livy-log-selected", selected !== null && line >= selected.from && line < selected.to);
    }
  }

  function spare() {
    return wrapped ? SPARE + Math.ceil(scroller.view / ROW) : SPARE; // page up needs the heights of a page above
  }

  function measure() {
    heights.clear();
    for (const [line, row] of rows) heights.set(line, row.offsetHeight || ROW);
  }

  function place(window) {
    rowsOf.style.transform = `translateY(${-scroller.above(window.from)}px)`;
  }

  function size() {
    if (String(lines.total).length !== digits) {
      digits = String(lines.total).length;
      element.style.setProperty("--livy-log-digits", digits);
    }
    const height = `${scroller.height()}px`;
    if (space.style.height !== height) space.style.height = height;
  }

  function putBar() {
    const wanted = scroller.physical();
    if (Math.abs(element.scrollTop - wanted) >= 1) element.scrollTop = wanted;
    scroller.placed(element.scrollTop);
  }

  function revealHit() {
    const row = rows.get(current);
    const mark = reveal && row && row.querySelector("mark");
    if (!mark) return;
    reveal = false;
    const left = mark.offsetLeft - row.firstChild.offsetWidth;
    const room = element.clientWidth - row.firstChild.offsetWidth;
    if (left < element.scrollLeft || left + mark.offsetWidth > element.scrollLeft + room) {
      element.scrollLeft = Math.max(0, left - room / 3);
    }
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!lines || !scroller.view) return;
    const grown = lines.total !== scroller.lines;
    scroller.resize({ lines: lines.total });
    const go = following ? scroller.toEnd : aim;
    if (go) go();
    let window = scroller.window(spare());
    render(window);
    if (wrapped) {
      measure();
      scroller.resize({});
      if (go) go();
      window = scroller.window(spare());
      render(window);
      measure();
    }
    size();
    place(window);
    if (go) putBar();
    else if (grown) settle();
    if (aim && allHere(scroller.window())) aim = null;
    revealHit();
    drawn(window);
  }

  function allHere({ from, to }) {
    for (let line = from; line < to; line += 1) if (!lines.at(line)) return false;
    return true;
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function settle() {
    clearTimeout(settling);
    settling = setTimeout(putBar, SETTLED);
  }

  function moved(up) {
    following = false;
    aim = null;
    scrolled(up);
    draw();
  }

  function onScroll() {
    if (element.clientHeight !== scroller.view) return onResize(); // the browser moved the bar, not the reader
    const step = scroller.scrolled(element.scrollTop);
    if (!step) return;
    moved(step < 0);
    settle();
  }

  function by(distance) {
    scroller.by(distance);
    moved(distance < 0);
    putBar();
  }

  /** Scroll wrapped lines by the wheel in visible pixels: they are taller than the scroll bar assumes. */
  function onWheel(event) {
    if (!wrapped || event.ctrlKey || event.shiftKey || !event.deltaY) return;
    event.preventDefault();
    const unit = [1, ROW, scroller.view][event.deltaMode];
    by(event.deltaY * unit);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(ROW, scroller.view - 2 * ROW);
    const steps = { ArrowDown: ROW, ArrowUp: -ROW, PageDown: page, PageUp: -page, " ": event.shiftKey ? -page : page };
    if (event.key === "Home") jump(() => scroller.toLine(0), true);
    else if (event.key === "End") jump(scroller.toEnd, false);
    else if (steps[event.key]) by(steps[event.key]);
    else return;
    event.preventDefault();
  }

  function jump(go, up) {
    go();
    moved(up);
    aim = go;
    draw();
  }

  function onResize() {
    const view = element.clientHeight;
    if (!view) return; // hidden
    sheet.style.height = `${view}px`;
    scroller.resize({ view });
    draw();
    putBar();
  }

  element.addEventListener("scroll", onScroll, { passive: true });
  element.addEventListener("keydown", onKey);
  const observer = new ResizeObserver(onResize);
  observer.observe(element);

  return {
    element,
    draw,
    schedule,
    get atEnd() { return scroller.atEnd; },
    get wrapped() { return wrapped; },
    get selected() { return selected; },
    /** Whether the reader has selected text in the log. */
    get hasSelection() {
      const selection = getSelection();
      return !selection.isCollapsed && rowsOf.contains(selection.anchorNode);
    },
    /** The first visible line. */
    get first() { return Math.floor(scroller.logical / ROW); },
    shows: (line) => scroller.shows(line),

    /** Show another log, from its beginning. */
    show(other, label) {
      lines = other;
      longest = 0;
      current = -1;
      selected = null;
      following = false;
      aim = null;
      look += 1;
      space.style.setProperty("--livy-log-longest", 0);
      element.setAttribute("aria-label", label);
      element.scrollLeft = 0;
      scroller.resize({ lines: 0 });
      draw();
    },

    /** Go to the end, and stay there while the log grows, until the reader scrolls. */
    follow() {
      following = true;
      aim = null;
      draw();
    },

    /** Go to the current end, and do not follow. */
    toEnd() {
      following = false;
      aim = scroller.toEnd;
      draw();
    },

    /** Stop following. */
    stay() {
      following = false;
    },

    /** Mark a line as the current one, and scroll it into view if necessary. */
    toLine(line) {
      current = line;
      reveal = searched !== null;
      following = false;
      aim = scroller.shows(line) ? null : () => scroller.toLine(line, 0.3);
      draw();
    },

    /** Mark the hits of a query; "" marks none. */
    mark(query, matchCase) {
      searched = pattern(query, matchCase);
      look += 1;
      schedule();
    },

    wrap(on) {
      const first = Math.floor(scroller.logical / ROW);
      wrapped = on;
      element.classList.toggle("livy-log-wrapped", on);
      if (on) element.addEventListener("wheel", onWheel, { passive: false });
      else element.removeEventListener("wheel", onWheel);
      heights.clear();
      scroller.resize({ heightOf: on ? (line) => heights.get(line) || ROW : null });
      if (!following) scroller.toLine(first);
      draw();
      putBar();
    },

    select(range) {
      selected = range;
      schedule();
    },

    destroy() {
      observer.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(settling);
    },
  };
}
