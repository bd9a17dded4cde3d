/**
 * The reader's place in a log, independent of the browser's scrollTop. Pure.
 *
 * Browsers silently cut off tall elements (Chromium at 33,554,432 device pixels: 932,067 lines on a screen of ratio 2),
 * so the scrollable height is capped. `logical` is the true place: the integer part of logical / ROW is the line at the
 * top of the view, and the fraction is the part of that line above the view. Small steps of the scroll bar move
 * `logical` by the same distance, large ones in proportion; both ends are 1:1, so that the mouse wheel reaches the very
 * first and last line.
 *
 * Wrapped lines are taller than ROW: `heightOf(line)` returns their height. A place is still a line and a part of it.
 */

export const ROW = 18; // px: the height of an unwrapped line; even, since far down, positions are rounded to 2 px
const CAP = 8_000_000; // px: the tallest scrollable height; fits screens up to a device pixel ratio of 4
const EDGE = 200_000; // px at each end that are 1:1
const NEAR = 4; // views: a longer step is a jump

/** Return a scroller at the first line. All lengths are CSS pixels. */
export function createScroller() {
  let lines = 0;
  let view = 0; // the visible height
  let logical = 0;
  let top = 0; // scrollTop as last seen or set
  let heightOf = null; // null: every line is ROW tall

  /** Return the place that is `distance` pixels after `place`. */
  function walk(place, distance) {
    if (!heightOf) return place + distance;
    let line = Math.floor(place / ROW);
    let into = (place / ROW - line) * heightOf(line); // px of this line before the place
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

    /** Set the number of lines, the view's height or the lines' heights; the reader stays at the same line. */
    resize(change) {
      ({ lines = lines, view = view, heightOf = heightOf } = change);
      logical = clamp(logical);
    },

    /** Handle a reader's move of the scroll bar to `now`; return the distance. */
    scrolled(now) {
      const step = now - top;
      top = now;
      if (!step) return 0;
      const near = Math.abs(step) <= NEAR * view && height() - view !== end();
      logical = clamp(near ? logical + step : toLogical(now));
      return step;
    },

    /** Return the scroll bar's position for the reader's place. */
    physical: () => toPhysical(logical),

    /** Record that the program, not the reader, moved the scroll bar to `now`. */
    placed(now) {
      top = now;
    },

    /** Move by `distance` pixels. */
    by(distance) {
      logical = clamp(walk(logical, distance));
    },

    toEnd() {
      logical = end();
    },

    /** Go to where `line` is at the view's upper edge, or below it by `part` (0 to 1) of the view. */
    toLine(line, part = 0) {
      logical = clamp(walk(line * ROW, -part * view));
    },

    /** Return whether the whole of `line` is visible. */
    shows(line) {
      return walk(logical, -1e-3) <= line * ROW && (line + 1) * ROW <= walk(logical, view) + 1e-3;
    },

    /** Return the visible lines, [from, to), with `spare` more on each side. */
    window(spare = 0) {
      const from = Math.max(0, Math.floor(logical / ROW) - spare);
      return { from, to: Math.min(lines, Math.ceil((logical + view) / ROW) + spare) };
    },

    /** Return the distance from the start of line `from` down to the view's upper edge. */
    above(from) {
      if (!heightOf) return logical - from * ROW;
      const first = Math.floor(logical / ROW);
      let height = (logical / ROW - first) * heightOf(first);
      for (let line = from; line < first; line += 1) height += heightOf(line);
      return height;
    },
  };
}
