/** The selection of batches that the list shows: filter, order, counts. Pure. */

import { elapsed } from "./batch.js";

const TONES = ["open", "bad", "good", "lost"]; // the order of the state chips

const haystacks = new WeakMap();

function haystack(batch) {
  let text = haystacks.get(batch);
  if (text === undefined) {
    text = [batch.name, batch.id, batch.owner, batch.state, batch.note].join("\n").toLowerCase();
    haystacks.set(batch, text);
  }
  return text;
}

/**
 * Return the selection: `{rows, counts, total}`.
 *
 * `rows` are the row numbers in order. `counts` has the number of batches in each state, by its words, among those
 * that match `text` and `mine`, the most urgent tone first; `total` is their sum. `states` is a set of states, empty
 * for all.
 */
export function select(store, { text = "", mine = false, states = new Set(), sort = null, now = 0 } = {}) {
  const needle = text.trim().toLowerCase();
  const counts = new Map();
  const found = [];
  let total = 0;
  for (const batch of store.all()) {
    if (mine && !batch.mine) continue;
    if (needle && !haystack(batch).includes(needle)) continue;
    const state = store.stateOf(batch);
    counts.set(state, (counts.get(state) || 0) + 1);
    total += 1;
    if (!states.size || states.has(state)) found.push(batch);
  }
  for (const state of states) if (!counts.has(state)) counts.set(state, 0); // a pressed chip stays, to be released
  found.sort(comparison(store, sort, now));
  const order = (state) => TONES.indexOf(store.tone(state));
  const sorted = [...counts].sort(([a], [b]) => order(a) - order(b) || (a < b ? -1 : 1));
  return { rows: found.map((batch) => batch.row), counts: sorted, total };
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function comparison(store, sort, now) {
  const newest = (a, b) => b.row - a.row;
  if (!sort) return newest;
  const sign = sort.down ? -1 : 1;
  const key =
    {
      state: (batch) => TONES.indexOf(store.toneOf(batch)) + batch.state,
      start: (batch) => (batch.exact ? batch.start : null),
      elapsed: (batch) => elapsed(store, batch, now),
      note: (batch) => (batch.part === null ? batch.note : batch.part),
    }[sort.by] || ((batch) => batch[sort.by]);
  const keys = new Map();
  const keyOf = (batch) => {
    if (!keys.has(batch)) keys.set(batch, key(batch));
    return keys.get(batch);
  };
  // Unknown values come last in either direction.
  const empty = (value) => value === "" || value === null || value === undefined;
  return (one, other) => {
    const [a, b] = [keyOf(one), keyOf(other)];
    if (empty(a) || empty(b)) return empty(a) - empty(b) || newest(one, other);
    const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
    return sign * order || newest(one, other);
  };
}
