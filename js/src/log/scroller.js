/**
 * Where a reader is in a log, apart from the browser's scrollTop. Pure.
 *
 * Browsers cut tall elements off without a word (Chromium at 33,554,432 device pixels: 932,067 lines on a screen of
 * ratio 2), so the scrollable height is capped. `logical` is the true place: the line at the top of the view is
 * logical / ROW, and what stands behind the point is how much of that line has gone out of the view. Small steps of
 * the scroll bar move it by just as much, large ones by proportion; both ends are 1:1, so that the mouse wheel
 * reaches the very first and last line.
 *
 * Lines that wrap are taller than ROW. `heightOf(line)` says how tall; a place is still a line and a part of it.
 */

export const ROW = 18; // px: the height of a line that does not wrap; even, since far down positions are rounded to 2 px
const CAP = 8_000_000; // px: fits every screen up to a device pixel ratio of 4
const EDGE = 200_000; // px at both ends that are 1:1
const NEAR = 4; // views: a longer step is a jump

/** Return a scroller at the first line. All lengths are CSS pixels. */
export function createScroller() {
  let lines = 0;
  let view = 0; // the height of what is visible
  let logical = 0;
  let top = 0; // scrollTop as last seen or set
  let heightOf = null; // null: every line is ROW tall

  /** Return the place that is `distance` pixels further than `place`. */
  function walk(place, distance) {
    if (!heightOf) return place + distance;
    let line = Math.floor(place / ROW);
    let into = (place / ROW - line) * heightOf(line); // px of this line that are passed
    let left = distance;
    while (left > heightOf(line) - into && line < lines) {
      left -= heightOf(line) - into;
      into = 0;
      line += 1;
    }
    while (left < -into && line > 0) {
      left += into;
      line -= 1;
      into = heightOf(line);
    }
    return (line + (into + left) / heightOf(line)) * ROW;
  }

  const end = () => Math.max(0, walk(lines * ROW, -view));
  const height = () => Math.min(CAP, end() + view);
  const clamp = (place) => Math.max(0, Math.min(end(), place));

  function toLogical(physical) {
    const [last, furthest] = [end(), height() - view];
    if (physical <= EDGE || last === furthest) return physical;
    if (physical >= furthest - EDGE) return last - (furthest - physical);
    return EDGE + ((physical - EDGE) * (last - 2 * EDGE)) / (furthest - 2 * EDGE);
  }

  function toPhysical(place) {
    const [last, furthest] = [end(), height() - view];
    if (place <= EDGE || last === furthest) return place;
    if (place >= last - EDGE) return furthest - (last - place);
    return EDGE + ((place - EDGE) * (furthest - 2 * EDGE)) / (last - 2 * EDGE);
  }

  return {
    end,
    height,
    get lines() { return lines; },
    get view() { return view; },
    get logical() { return logical; },
    get atEnd() { return logical >= end() - 1; },

    /** More lines, another view, or other heights: the reader stays at the same line. */
    resize(change) {
      ({ lines = lines, view = view, heightOf = heightOf } = change);
      logical = clamp(logical);
    },

    /** The scroll bar stands at `now`. Return by how much it moved. */
    scrolled(now) {
      const step = now - top;
      top = now;
      if (!step) return 0;
      const near = Math.abs(step) <= NEAR * view && height() - view !== end();
      logical = clamp(near ? logical + step : toLogical(now));
      return step;
    },

    /** Where the scroll bar belongs. */
    physical: () => toPhysical(logical),

    /** The scroll bar was put to `now`, which is not a reader's doing. */
    placed(now) {
      top = now;
    },

    /** Go `distance` pixels on. */
    by(distance) {
      logical = clamp(walk(logical, distance));
    },

    toEnd() {
      logical = end();
    },

    /** Go where `line` is the first of the view, or `part` of the view below its upper edge. */
    toLine(line, part = 0) {
      logical = clamp(walk(line * ROW, -part * view));
    },

    /** Say whether the whole of `line` is visible. */
    shows(line) {
      return walk(logical, -1e-3) <= line * ROW && (line + 1) * ROW <= walk(logical, view) + 1e-3;
    },

    /** Return the lines of the view, [from, to), with `spare` more on each side. */
    window(spare = 0) {
      const from = Math.max(0, Math.floor(logical / ROW) - spare);
      return { from, to: Math.min(lines, Math.ceil((logical + view) / ROW) + spare) };
    },

    /** Return how far above the view's upper edge line `from` begins. */
    above(from) {
      if (!heightOf) return logical - from * ROW;
      const first = Math.floor(logical / ROW);
      let height = (logical / ROW - first) * heightOf(first);
      for (let line = from; line < first; line += 1) height += heightOf(line);
      return height;
    },
  };
}
