/** The batches as the kernel sends them, and how each of them is. Pure. */

/**
 * Return an empty store of batches. Each batch is a frozen object with the kernel's columns as members.
 *
 * `reset` takes what a snapshot holds, `patch` what a patch holds; both return nothing. `patch` answers false when the
 * patch is not the one that follows, so that a new snapshot has to be asked for.
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
