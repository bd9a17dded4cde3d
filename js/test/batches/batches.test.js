import assert from "node:assert/strict";
import test from "node:test";
import { duration, elapsedText, title, unkillable } from "../../src/batches/batch.js";
import { select } from "../../src/batches/filter.js";
import { createStore } from "../../src/batches/store.js";

const TONES = { running: "open", dead: "bad", success: "good", lost: "lost" };
const NAMES = ["row", "id", "name", "owner", "state", "mine", "start", "exact", "end", "note", "part", "known"];

function batch(row, changes = {}) {
  const plain = {
    row,
    id: row + 100,
    name: `n${row}`,
    owner: "alice",
    state: "success",
    mine: 1,
    start: 0,
    exact: 1,
    end: 10,
    note: "",
    part: null,
    known: 1,
  };
  return { ...plain, ...changes };
}

function filled(...batches) {
  const store = createStore();
  const columns = Object.fromEntries(NAMES.map((name) => [name, batches.map((each) => each[name])]));
  store.reset({ rev: 1, columns, tones: TONES });
  return store;
}

const values = (each) => NAMES.map((name) => each[name]);

test("the newest batch stands first", () => {
  assert.deepEqual(select(filled(batch(1), batch(3), batch(2))).rows, [3, 2, 1]);
});

test("a patch replaces, adds and removes batches", () => {
  const store = filled(batch(1), batch(2));
  assert.ok(
    store.patch({ rev: 2, rows: [values(batch(3)), values(batch(2, { state: "dead" }))], gone: [1], tones: {} }),
  );
  assert.deepEqual(select(store).rows, [3, 2]);
  assert.equal(store.get(2).state, "dead");
});

test("a patch that does not follow changes nothing and says so", () => {
  const store = filled(batch(1));
  assert.equal(store.patch({ rev: 3, rows: [values(batch(1, { state: "dead" }))], gone: [] }), false);
  assert.equal(store.get(1).state, "success");
  assert.equal(createStore().patch({ rev: 1, rows: [], gone: [] }), false);
});

test("a patch may bring states that were never seen", () => {
  const store = filled(batch(1));
  store.patch({ rev: 2, rows: [values(batch(1, { state: "idle" }))], gone: [], tones: { idle: "open" } });
  assert.equal(store.tone("idle"), "open");
  assert.equal(store.tone("never heard of"), "lost");
});

test("the filter looks into name, id, owner, state and note, in any case", () => {
  const store = filled(
    batch(1, { name: "Nightly" }),
    batch(2, { note: "column NME" }),
    batch(3, { owner: "bob" }),
    batch(4, { state: "dead" }),
    batch(5, { id: "guid-77" }),
  );
  for (const [text, row] of [
    ["nightly", 1],
    ["nme", 2],
    ["BOB", 3],
    ["dead", 4],
    ["d-77", 5],
  ])
    assert.deepEqual(select(store, { text }).rows, [row]);
});

test("counts are of what filter and mine leave, the urgent first, and a pressed state keeps its chip", () => {
  const store = filled(batch(1), batch(2, { state: "dead" }), batch(3, { state: "running", mine: 0 }), batch(4));
  assert.deepEqual(select(store).counts, [
    ["running", 1],
    ["dead", 1],
    ["success", 2],
  ]);
  const mine = select(store, { mine: true, states: new Set(["running"]) });
  assert.deepEqual(mine, {
    rows: [],
    counts: [
      ["running", 0],
      ["dead", 1],
      ["success", 2],
    ],
    total: 3,
  });
});

test("what ran when Livy forgot it is neither shown nor counted nor sorted as running", () => {
  const running = { state: "running", end: null };
  const store = filled(batch(1, running), batch(2, { ...running, known: 0 }), batch(3, { state: "dead", known: 0 }));
  assert.deepEqual([1, 2, 3].map((row) => store.toneOf(store.get(row))), ["open", "lost", "bad"]);
  assert.deepEqual(select(store).counts, [["running", 1], ["dead", 1], ["was running", 1]]);
  assert.deepEqual(select(store, { states: new Set(["running"]) }).rows, [1]);
  assert.deepEqual(select(store, { sort: { by: "state", down: false } }).rows, [1, 3, 2]);
  assert.match(unkillable(store, store.get(2)), /forgotten/);
  assert.match(unkillable(store, store.get(3)), /ended/);
  assert.equal(unkillable(store, store.get(1)), "");
});

test("columns are sorted as people read them, and what is not known stands last both ways", () => {
  const store = filled(batch(1, { name: "n10" }), batch(2, { name: "N9" }), batch(3, { name: "" }));
  assert.deepEqual(select(store, { sort: { by: "name", down: false } }).rows, [2, 1, 3]);
  assert.deepEqual(select(store, { sort: { by: "name", down: true } }).rows, [1, 2, 3]);
});

test("what began at a time that nobody knows stands behind the rest, by its beginning", () => {
  const store = filled(batch(1, { start: 30 }), batch(2, { start: 20, exact: 0 }), batch(3, { start: 10 }));
  assert.deepEqual(select(store, { sort: { by: "start", down: false } }).rows, [3, 1, 2]);
  assert.deepEqual(select(store, { sort: { by: "start", down: true } }).rows, [1, 3, 2]);
});

test("ids are sorted as numbers, though some servers have words", () => {
  const store = filled(batch(1, { id: 9 }), batch(2, { id: 10 }), batch(3, { id: "abc" }));
  assert.deepEqual(select(store, { sort: { by: "id", down: false } }).rows, [1, 2, 3]);
});

test("by elapsed time, what runs counts until now", () => {
  const store = filled(batch(1, { end: 10 }), batch(2, { state: "running", end: null }), batch(3, { start: null }));
  assert.deepEqual(select(store, { sort: { by: "elapsed", down: true }, now: 60 }).rows, [2, 1, 3]);
});

test("elapsed says at least where the beginning is not known, and nothing where nothing is", () => {
  const store = filled(batch(1));
  const text = (changes) => elapsedText(store, batch(1, changes), 130);
  assert.equal(text({ end: 6 }), "00:06");
  assert.equal(text({ state: "running", end: null }), "02:10");
  assert.equal(text({ state: "running", end: null, exact: 0 }), "> 02:10");
  assert.equal(text({ state: "running", start: null, end: null }), "");
  assert.equal(text({ state: "lost", end: null }), "");
  assert.equal(text({ state: "running", end: null, known: 0 }), "");
});

test("durations", () => {
  assert.equal(duration(0.9), "00:00");
  assert.equal(duration(3730), "1:02:10");
  assert.equal(duration(3 * 86400 + 7810), "3 d 02:10:10");
});

test("a batch is spoken of by name and id", () => {
  assert.equal(title(batch(1)), "n1 (101)");
  assert.equal(title(batch(1, { name: "" })), "batch 101");
});
