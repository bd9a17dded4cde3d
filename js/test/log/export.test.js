import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, textOf } from "../../src/log/export.js";

const bytes = (text) => new TextEncoder().encode(text);
const always = () => true;

/** A kernel whose lines are "line N", which it sends in two pieces that may part a character. */
function kernel({ ends = true } = {}) {
  const asked = [];
  return {
    asked,
    async fetch(from, to, each) {
      asked.push([from, to]);
      const all = bytes([...Array(to - from).keys()].map((i) => `line ${from + i} é`).join("\n") + (ends ? "\n" : ""));
      each({ bytes: all.slice(0, -2) });
      each({ bytes: all.slice(-2) });
    },
  };
}

for (const ends of [true, false]) {
  test(`every line comes once, also when the kernel ${ends ? "ends" : "does not end"} the last with a newline`, async () => {
    const { fetch, asked } = kernel({ ends });
    const lines = textOf(await gather(fetch, { from: 5, to: 45_000, progress: always })).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.length, 44_995);
    assert.equal(lines[0], "line 5 é");
    assert.equal(lines.at(-1), "line 44999 é");
    assert.equal(new Set(lines).size, lines.length);
    assert.deepEqual(asked.flat().filter((line) => line === 5 || line === 45_000), [5, 45_000]);
  });
}

test("more than the limit is nothing, and is not fetched to its end", async () => {
  const { fetch, asked } = kernel();
  assert.equal(await gather(fetch, { from: 0, to: 3_000_000, limit: 100_000, progress: always }), null);
  assert.equal(asked.length, 1);
});

test("who is asked for progress can end it", async () => {
  const { fetch } = kernel();
  const shares = [];
  const parts = await gather(fetch, { from: 0, to: 100_000, progress: (share) => shares.push(share) < 2 });
  assert.equal(parts, null);
  assert.deepEqual(shares, [0.2, 0.4]);
});

test("no lines are no text", async () => {
  assert.equal(textOf(await gather(kernel().fetch, { from: 0, to: 0, progress: always })), "");
});
