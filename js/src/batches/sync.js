/** Synchronization of the store, the server's state and the clock with the news that the kernel sends. */

import { decode } from "../kernel/channel.js";
import { liveness } from "../kernel/liveness.js";
import { createStore } from "./store.js";

/**
 * Return `{store, now(), shownTime(), liveness(), complete}`.
 *
 * `now()` is the kernel's time in seconds, `shownTime()` the time up to which the list is current; `complete` is
 * whether a list from the server has arrived. `batchesChanged()` is called when batches have changed,
 * `livenessChanged()` when the result of liveness() may have changed.
 */
export function createSync({ channel, model, batchesChanged, livenessChanged }) {
  const store = createStore();
  let status = null;
  let ahead = 0; // seconds that the kernel's clock is ahead of this one
  let complete = false;
  let told = false; // whether batchesChanged() was called for a complete list
  let behind = true; // a snapshot is on its way, and includes the patches that come before it

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
    if (message.seen) model.set("as_of", message.seen); // not sent to the kernel: only for the saved notebook
    if (isComplete() && !told) tell(); // now the list is the server's, not only the history's
    livenessChanged();
  });

  channel.on("kernel", livenessChanged);

  return {
    store,
    now,
    // In a list that may be old, running batches may have ended, so their elapsed time stands still.
    shownTime: () => (lastSeen() && livenessNow().stale ? lastSeen() : now()),
    liveness: livenessNow,
    get complete() {
      return isComplete();
    },
  };
}
