import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK, createLineCache } from "../../src/log/linecache.js";

const texts = (from, to) => [...Array(to - from).keys()].map((i) => `line ${from + i}`).join("\n");

function lines(total, ...ranges) {
  const made = createLineCache();
  made.grow(total);
  for (const [from, to] of ranges) made.put(from, texts(from, to), "p".repeat(to - from));
  return made;
}

test("lines are found where they were put, across chunks, and the others are not", () => {
  const made = lines(3_000_000, [2_999_650, 3_000_000]);
  assert.deepEqual(made.at(2_999_650), { text: "line 2999650", kind: "p" });
  assert.deepEqual(made.at(2_999_999), { text: "line 2999999", kind: "p" });
  assert.equal(made.at(2_999_649), null);
  assert.equal(made.at(3_000_000), null);
  assert.equal(made.at(0), null);
});

test("empty lines are lines", () => {
  const made = lines(3);
  made.put(0, "\n\n", "pge");
  assert.deepEqual([0, 1, 2].map((line) => made.at(line).text), ["", "", ""]);
  assert.deepEqual([0, 1, 2].map((line) => made.at(line).kind), ["p", "g", "e"]);
  made.put(0, "", "");
  assert.deepEqual(made.wanted(0, 3), []);
});

test("what is wanted are whole chunks of at most 200 lines, the one in the middle first", () => {
  assert.deepEqual(lines(1_000).wanted(380, 610), [
    { from: 400, to: 600 }, { from: 200, to: 400 }, { from: 600, to: 800 },
  ]);
  assert.deepEqual(lines(450).wanted(430, 450), [{ from: 400, to: 450 }]);
  assert.deepEqual(lines(0).wanted(0, 30), []);
});

test("a tail that leaves lines out makes only those wanted", () => {
  const made = lines(1_000, [0, 410]);
  made.grow(2_000);
  made.put(1_600, texts(1_600, 2_000), "p".repeat(400));
  assert.deepEqual(made.wanted(400, 600), [{ from: 410, to: 600 }]);
  assert.deepEqual(made.wanted(1_590, 2_000), [{ from: 1_400, to: 1_600 }]);
  assert.deepEqual(made.wanted(1_700, 2_000), []);
});

test("a growing log makes its last chunk wanted again", () => {
  const made = lines(250, [0, 250]);
  assert.deepEqual(made.wanted(0, 250), []);
  made.grow(260);
  assert.deepEqual(made.wanted(200, 260), [{ from: 250, to: 260 }]);
});

test("60 chunks are kept, and those that are looked at are not forgotten while the log grows", () => {
  const made = lines(100, [0, 100]);
  for (let from = 100; from < 100_000; from += 250) {
    made.grow(from + 250);
    made.put(from, texts(from, from + 250), "s".repeat(250));
    made.wanted(0, 40);
    assert.ok(made.kept <= 60);
  }
  assert.equal(made.at(10).text, "line 10");
  assert.equal(made.at(50_000), null);
  assert.equal(made.at(99_900).text, "line 99900");
});

test("a log that is shorter than it was is another one", () => {
  const made = lines(500, [0, 500]);
  made.grow(20);
  assert.equal(made.at(0), null);
  assert.deepEqual(made.wanted(0, CHUNK), [{ from: 0, to: 20 }]);
});
