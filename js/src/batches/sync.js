/** Keeps the store, the server's state and the clock in step with what the kernel sends of its own accord. */

import { decode } from "../kernel/channel.js";
import { liveness } from "../kernel/liveness.js";
import { createStore } from "./store.js";

/**
 * Return `{store, now(), shownTime(), liveness(), complete}`.
 *
 * `now()` is the kernel's time in seconds, `shownTime()` that up to which the list is known; `complete` says whether a
 * list of the server has come at all. `batchesChanged()` is called when batches have changed, `livenessChanged()` when
 * what liveness() returns may have.
 */
export function createSync({ channel, model, batchesChanged, livenessChanged }) {
  const store = createStore();
  let status = null;
  let ahead = 0; // seconds that the kernel's clock is ahead of this one
  let complete = false;
  let told = false; // the list was told as one that the server has
  let behind = true; // a snapshot is on its way: what changed since the last one is in it

  const now = () => Date.now() / 1000 + ahead;
  const lastSeen = () => (status && status.seen) || model.get("as_of") || 0;
  const livenessNow = () => liveness({ kernel: channel.kernel, status, now: now(), asOf: lastSeen() });

  function setClock(message) {
    if (typeof message.now === "number") ahead = message.now - Date.now() / 1000;
  }

  const isComplete = () => complete && lastSeen() > 0;

  function tell() {
    told = isComplete();
    batchesChanged();
  }

  channel.on("snapshot", (message) => {
    setClock(message);
    complete = true;
    behind = false;
    store.reset({ rev: message.rev, ...JSON.parse(decode(message.bytes)) });
    tell();
  });

  channel.on("patch", (message) => {
    setClock(message);
    if (behind) return;
    const rows = message.rows || JSON.parse(decode(message.bytes)).rows;
    if (store.patch({ ...message, rows })) {
      tell();
    } else {
      behind = true;
      channel.hello();
    }
  });

  channel.on("status", (message) => {
    setClock(message);
    status = message;
    if (message.seen) model.set("as_of", message.seen); // in this model alone, for a notebook that is saved
    if (isComplete() && !told) tell(); // now it is what the server has, and not the history alone
    livenessChanged();
  });

  channel.on("kernel", livenessChanged);

  return {
    store,
    now,
    // What runs in a list that may be old is not known to run on: its time stands still.
    shownTime: () => (lastSeen() && livenessNow().stale ? lastSeen() : now()),
    liveness: livenessNow,
    get complete() {
      return isComplete();
    },
  };
}
