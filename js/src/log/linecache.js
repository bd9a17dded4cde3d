/** The cache of one log's lines in the browser; the kernel keeps all of them. Pure. */

export const CHUNK = 200; // lines that are requested, kept and dropped together
const CHUNKS = 60; // most chunks to keep

/** Return an empty cache. */
export function createLineCache() {
  const chunks = new Map(); // number -> {texts, kinds}; the most recently used come last
  let total = 0;

  function use(number) {
    const chunk = chunks.get(number) || { texts: new Array(CHUNK), kinds: new Array(CHUNK) };
    chunks.delete(number);
    chunks.set(number, chunk);
    return chunk;
  }

  function forgetOldest() {
    for (const number of chunks.keys()) {
      if (chunks.size <= CHUNKS) return;
      chunks.delete(number);
    }
  }

  function missing(number) {
    const first = number * CHUNK;
    const size = Math.min(CHUNK, total - first);
    const chunk = chunks.get(number);
    if (!chunk) return { from: first, to: first + size };
    let [from, to] = [0, size];
    while (from < to && chunk.texts[from] !== undefined) from += 1;
    while (to > from && chunk.texts[to - 1] !== undefined) to -= 1;
    return from < to ? { from: first + from, to: first + to } : null;
  }

  return {
    get total() { return total; },
    get kept() { return chunks.size; },

    /** Set the log's number of lines. Fewer than before mean another log, so all kept lines are dropped. */
    grow(now) {
      if (now < total) chunks.clear();
      total = now;
    },

    /** Keep lines. `text` holds the lines from `from` on, joined by newlines; `kinds` has a character for each. */
    put(from, text, kinds) {
      if (!kinds) return;
      const texts = text.split("\n");
      for (let i = 0; i < texts.length && i < kinds.length; i += 1) {
        const number = Math.floor((from + i) / CHUNK);
        const chunk = i === 0 || (from + i) % CHUNK === 0 ? use(number) : chunks.get(number);
        chunk.texts[(from + i) % CHUNK] = texts[i];
        chunk.kinds[(from + i) % CHUNK] = kinds[i];
      }
      forgetOldest();
    },

    /** Return `{text, kind}` of a line, or null if it is not in the cache. */
    at(line) {
      const chunk = chunks.get(Math.floor(line / CHUNK));
      const text = chunk && chunk.texts[line % CHUNK];
      return text === undefined ? null : { text, kind: chunk.kinds[line % CHUNK] };
    },

    /** Return the ranges of [from, to) that are missing, the middle ones first; mark the others as recently used. */
    wanted(from, to) {
      const middle = (from + to) / 2 / CHUNK - 0.5;
      const numbers = [];
      for (let number = Math.floor(from / CHUNK); number * CHUNK < Math.min(to, total); number += 1) {
        numbers.push(number);
        if (chunks.has(number)) use(number);
      }
      numbers.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
      return numbers.map(missing).filter(Boolean);
    },
  };
}
