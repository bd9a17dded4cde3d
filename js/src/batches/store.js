/** The store of batches, as the kernel sends them, and the state and tone of each. Pure. */

/**
 * Return an empty store of batches. Each batch is a frozen object with the kernel's columns as members.
 *
 * `reset` takes the content of a snapshot, `patch` that of a patch. `patch` returns true, or false if the patch is not
 * the next one in order, so that the caller has to request a new snapshot.
 */
export function createStore() {
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
    /** Return the tone of a state, in the words that stateOf returns: "good", "bad", "open" or "lost". */
    tone(words) {
      return tones[words] || "lost";
    },
    /** Return a batch's state in words: "was running" if it ran when Livy forgot it, for it may have ended since. */
    stateOf(batch) {
      return !batch.known && tones[batch.state] === "open" ? `was ${batch.state}` : batch.state;
    },
    /** Return a batch's tone, which alone decides how the batch looks and what can be done with it. */
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
