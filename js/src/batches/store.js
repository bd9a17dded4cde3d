/** The batches as the kernel sends them, and what is derived from them: filter, order, counts, times. Pure. */

const TONES = ["open", "bad", "good", "lost"]; // the order of the state chips

/**
 * Return an empty store of batches. Each batch is a frozen object with the kernel's columns as members.
 *
 * `reset` takes what a snapshot holds, `patch` what a patch holds; both return nothing. `patch` answers false when the
 * patch is not the one that follows, so that a new snapshot has to be asked for.
 */
export function createRows() {
  let names = [];
  let rev = null;
  let tones = {};
  const byRow = new Map();

  function put(values) {
    const batch = {};
    names.forEach((name, index) => {
      batch[name] = values[index];
    });
    byRow.set(batch.row, Object.freeze(batch));
  }

  return {
    get(row) {
      return byRow.get(row);
    },
    get size() {
      return byRow.size;
    },
    all() {
      return byRow.values();
    },
    /** Return what is meant by a batch's state in words, as stateOf returns them: "good", "bad", "open" or "lost". */
    tone(words) {
      return tones[words] || "lost";
    },
    /** Return a batch's state in a few words. What ran when Livy forgot it is not known to run. */
    stateOf(batch) {
      return !batch.known && tones[batch.state] === "open" ? `was ${batch.state}` : batch.state;
    },
    /** Return how a batch is: the one place that decides what it looks like and what can be done with it. */
    toneOf(batch) {
      return this.tone(this.stateOf(batch));
    },
    reset({ rev: newRev, columns, tones: newTones }) {
      names = Object.keys(columns);
      rev = newRev;
      tones = { ...newTones };
      byRow.clear();
      const count = names.length ? columns[names[0]].length : 0;
      for (let index = 0; index < count; index++) put(names.map((name) => columns[name][index]));
    },
    patch({ rev: newRev, rows, gone, tones: newTones }) {
      if (rev === null || newRev !== rev + 1) return false;
      rev = newRev;
      Object.assign(tones, newTones);
      for (const row of gone || []) byRow.delete(row);
      for (const values of rows) put(values);
      return true;
    },
  };
}

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
 * Return what the list shows: `{rows, counts, total}`.
 *
 * `rows` are the row numbers in order. `counts` says how many there are of each state, in words, among those that `text` and `mine`
 * leave, most urgent tone first; `total` is their sum. `states` is a set of states, empty for all.
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
  for (const state of states) if (!counts.has(state)) counts.set(state, 0); // a pressed chip stays there to be released
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
      elapsed: (batch) => elapsed(store, batch, now),
      note: (batch) => (batch.part === null ? batch.note : batch.part),
    }[sort.by] || ((batch) => batch[sort.by]);
  const keys = new Map();
  const keyOf = (batch) => {
    if (!keys.has(batch)) keys.set(batch, key(batch));
    return keys.get(batch);
  };
  // What is not known stands last, whichever way the rest is sorted.
  const empty = (value) => value === "" || value === null || value === undefined;
  return (one, other) => {
    const [a, b] = [keyOf(one), keyOf(other)];
    if (empty(a) || empty(b)) return empty(a) - empty(b) || newest(one, other);
    const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
    return sign * order || newest(one, other);
  };
}

/** Return for how many seconds a batch has run, or null when that cannot be known. `now`: the kernel's clock. */
export function elapsed(store, batch, now) {
  if (batch.start === null) return null;
  if (batch.end !== null) return Math.max(0, batch.end - batch.start);
  return store.toneOf(batch) === "open" ? Math.max(0, now - batch.start) : null;
}

/** Return seconds as "02:10", "1:02:10" or "3 d 02:10:00"; ">" before it where the true beginning is not known. */
export function elapsedText(store, batch, now) {
  const seconds = elapsed(store, batch, now);
  if (seconds === null) return "";
  return (batch.exact ? "" : "> ") + duration(seconds);
}

/** Return seconds as "02:10", "1:02:10" or "3 d 02:10:00". */
export function duration(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours, minutes] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days) return `${days} d ${two(hours)}:${two(minutes)}:${two(whole % 60)}`;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

/** Return the batch's name with its id, as it is spoken of. */
export function title(batch) {
  return batch.name ? `${batch.name} (${batch.id})` : `batch ${batch.id}`;
}
