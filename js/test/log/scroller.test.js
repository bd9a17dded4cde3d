import assert from "node:assert/strict";
import { test } from "node:test";
import { createScroller, ROW } from "../../src/log/scroller.js";

const VIEW = 400;
const MANY = 3_000_000;
const TALLEST = 33_554_432 / 4; // px: what Chromium still shows at a device pixel ratio of 4

/** A scroller with a scroll bar that behaves like the browser's: it ends where the element ends. */
function scrolling(lines, view = VIEW) {
  const scroller = createScroller();
  scroller.resize({ lines, view });
  let top = 0;
  return {
    scroller,
    put() {
      top = scroller.physical();
      scroller.placed(top);
    },
    /** The reader moves the bar by `distance`. */
    wheel(distance) {
      top = Math.max(0, Math.min(scroller.height() - view, top + distance));
      return scroller.scrolled(top);
    },
    /** The reader drags the bar to a share of its way. */
    drag(share) {
      top = share * (scroller.height() - view);
      return scroller.scrolled(top);
    },
    lastVisible: () => scroller.window().to - 1,
    firstVisible: () => scroller.window().from,
  };
}

for (const lines of [1, 10, 1_000, 400_000, 1_000_000, MANY]) {
  test(`the first, the middle and the last of ${lines} lines are reached by the scroll bar`, () => {
    const bar = scrolling(lines);
    assert.ok(bar.scroller.height() < TALLEST);
    bar.drag(1);
    assert.equal(bar.lastVisible(), lines - 1);
    assert.equal(bar.scroller.logical, Math.max(0, lines * ROW - VIEW));
    bar.drag(0.5);
    const middle = (bar.firstVisible() + bar.lastVisible()) / 2;
    assert.ok(Math.abs(middle - (lines - 1) / 2) <= 1, `the middle is line ${middle}`);
    bar.drag(0);
    assert.equal(bar.firstVisible(), 0);
    assert.equal(bar.scroller.above(0), 0);
  });
}

test("the wheel moves lines, not shares of the log, in the middle of 3,000,000", () => {
  const bar = scrolling(MANY);
  bar.drag(0.37);
  const before = bar.scroller.logical;
  for (let i = 0; i < 5; i += 1) bar.wheel(180);
  assert.equal(bar.scroller.logical, before + 50 * ROW);
  for (let i = 0; i < 5; i += 1) bar.wheel(-180);
  assert.equal(bar.scroller.logical, before);
});

test("wheel by wheel the very last and the very first line are reached", () => {
  const bar = scrolling(MANY);
  bar.scroller.toLine(MANY - 2_000);
  bar.put();
  for (let i = 0; i < 500 && bar.wheel(100); i += 1);
  assert.equal(bar.lastVisible(), MANY - 1);
  assert.ok(bar.scroller.atEnd);
  bar.scroller.toLine(2_000);
  bar.put();
  for (let i = 0; i < 500 && bar.wheel(-100); i += 1);
  assert.equal(bar.firstVisible(), 0);
  assert.equal(bar.scroller.logical, 0);
});

test("the bar goes back to where it belongs, and that moves nothing", () => {
  const bar = scrolling(MANY);
  bar.drag(0.5);
  for (let i = 0; i < 100; i += 1) bar.wheel(300);
  const place = bar.scroller.logical;
  bar.put();
  assert.equal(bar.scroller.logical, place);
  assert.equal(bar.scroller.scrolled(bar.scroller.physical()), 0);
  bar.wheel(18);
  assert.equal(bar.scroller.logical, place + 18);
});

for (const lines of [1_000, 444_000, 1_000_000, MANY]) {
  test(`${lines} lines that grow never move a reader who scrolled up`, () => {
    const bar = scrolling(lines);
    bar.scroller.toEnd();
    bar.put();
    bar.wheel(-90);
    const [place, above] = [bar.scroller.logical, bar.scroller.above(bar.firstVisible())];
    for (let more = 1; more <= 40; more += 1) bar.scroller.resize({ lines: lines + 250 * more });
    assert.equal(bar.scroller.logical, place);
    assert.equal(bar.scroller.above(bar.firstVisible()), above);
    bar.put();
    bar.wheel(36);
    assert.equal(bar.scroller.logical, place + 36);
    assert.equal(bar.scroller.atEnd, false);
  });
}

test("a jump shows its line, and says afterwards that it does", () => {
  const { scroller } = scrolling(MANY);
  for (const line of [0, 1, 1_234_567, MANY - 1]) {
    scroller.toLine(line, 0.3);
    assert.ok(scroller.shows(line), `line ${line}`);
    const { from, to } = scroller.window();
    assert.ok(from <= line && line < to);
  }
  assert.equal(scroller.shows(1_234_567), false);
});

test("another view keeps the line at its upper edge", () => {
  const { scroller } = scrolling(MANY);
  scroller.toLine(77_777);
  scroller.resize({ view: 250 });
  assert.equal(scroller.window().from, 77_777);
});

// Lines that wrap: every third is five rows tall

const tall = (line) => (line % 3 === 0 ? 5 * ROW : ROW);

function wrapping(lines) {
  const { scroller } = scrolling(lines);
  scroller.resize({ heightOf: tall });
  return scroller;
}

/** Where the upper edge of a line stands in the view, in px. */
function edge(scroller, line) {
  let height = -scroller.above(scroller.window().from);
  for (let i = scroller.window().from; i < line; i += 1) height += tall(i);
  return height;
}

test("with wrapped lines a step is as many pixels as it says, and back", () => {
  const scroller = wrapping(MANY);
  scroller.toLine(1_500_000);
  const before = edge(scroller, 1_500_010);
  for (let moved = 7; moved <= 350; moved += 7) {
    scroller.by(7);
    assert.ok(Math.abs(edge(scroller, 1_500_010) - (before - moved)) < 1e-3, `after ${moved} px`);
  }
  scroller.by(-350);
  assert.ok(Math.abs(scroller.logical - 1_500_000 * ROW) < 1e-3);
});

test("with wrapped lines the last one ends where the view ends, and a step beyond goes nowhere", () => {
  for (const lines of [3, 10, 1_000, MANY]) {
    const scroller = wrapping(lines);
    scroller.toEnd();
    const whole = [...Array(Math.min(lines, 100)).keys()].reduce((sum, i) => sum + tall(lines - 1 - i), 0);
    assert.ok(Math.abs(edge(scroller, lines) - Math.min(VIEW, whole)) < 1e-3);
    const place = scroller.logical;
    scroller.by(500);
    assert.equal(scroller.logical, place);
    scroller.by(-1e9);
    assert.equal(scroller.logical, 0);
  }
});

test("the bar reaches both ends of wrapped lines", () => {
  for (const lines of [10, 1_000, MANY]) {
    const bar = scrolling(lines);
    bar.scroller.resize({ heightOf: tall });
    bar.drag(1);
    assert.ok(bar.scroller.atEnd);
    bar.drag(0);
    assert.equal(bar.scroller.logical, 0);
  }
});
