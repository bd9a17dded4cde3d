import assert from "node:assert/strict";
import test from "node:test";
import { createSync } from "../../src/batches/sync.js";

const COLUMNS = { row: [1], state: ["running"], start: [0] };

function syncOf() {
  const handlers = {};
  const heard = { hellos: 0, changes: 0 };
  const channel = {
    kernel: "alive",
    on: (type, handler) => (handlers[type] = handler),
    hello: () => (heard.hellos += 1),
  };
  const traits = { as_of: 0 };
  const model = { get: (name) => traits[name], set: (name, value) => (traits[name] = value) };
  const sync = createSync({ channel, model, batchesChanged: () => (heard.changes += 1), livenessChanged: () => {} });
  const snapshot = (rev) => {
    const bytes = new TextEncoder().encode(JSON.stringify({ columns: COLUMNS, tones: { running: "open" } }));
    handlers.snapshot({ type: "snapshot", rev, now: Date.now() / 1000, bytes });
  };
  const patch = (rev, state) => handlers.patch({ type: "patch", rev, gone: [], tones: {}, rows: [[1, state, 0]] });
  return { sync, heard, traits, handlers, snapshot, patch };
}

test("patches are taken one after the other", () => {
  const { sync, heard, snapshot, patch } = syncOf();
  assert.equal(sync.complete, false);
  snapshot(1);
  patch(2, "success");
  assert.equal(sync.store.get(1).state, "success");
  assert.deepEqual(heard, { hellos: 0, changes: 2 });
});

test("a missing patch is noticed, asked for once, and the next snapshot goes on from there", () => {
  const { sync, heard, snapshot, patch } = syncOf();
  snapshot(1);
  for (const rev of [3, 4, 5]) patch(rev, "dead");
  assert.equal(heard.hellos, 1);
  assert.equal(sync.store.get(1).state, "running");
  snapshot(5);
  patch(6, "success");
  assert.equal(sync.store.get(1).state, "success");
});

test("patches before the first snapshot are in it, and ask for nothing", () => {
  const { heard, patch } = syncOf();
  patch(7, "dead");
  assert.deepEqual(heard, { hellos: 0, changes: 0 });
});

test("what runs in an old list stands still", () => {
  const { sync, traits, handlers } = syncOf();
  const kernelTime = Date.now() / 1000 + 3600;
  handlers.status({ type: "status", state: "connected", seen: kernelTime - 2, now: kernelTime });
  assert.ok(Math.abs(sync.shownTime() - kernelTime) < 1);
  assert.equal(traits.as_of, kernelTime - 2);
  handlers.status({
    type: "status",
    state: "unreachable",
    since: kernelTime - 60,
    seen: kernelTime - 61,
    now: kernelTime,
  });
  assert.equal(sync.shownTime(), kernelTime - 61);
});

test("a list is one of the server when that has been seen, which is told as a change", () => {
  const { sync, heard, handlers, snapshot } = syncOf();
  snapshot(1);
  assert.equal(sync.complete, false);
  const now = Date.now() / 1000;
  for (const seen of [now, now + 1]) handlers.status({ type: "status", state: "connected", seen, now });
  assert.equal(sync.complete, true);
  assert.equal(heard.changes, 2);
});

test("a list is told as the server's also when another view of the panel heard first that it was seen", () => {
  const { sync, heard, traits, handlers, snapshot } = syncOf();
  snapshot(1);
  const now = Date.now() / 1000;
  traits.as_of = now; // the views have one model
  handlers.status({ type: "status", state: "connected", seen: now, now });
  assert.equal(sync.complete, true);
  assert.equal(heard.changes, 2);
});
