import assert from "node:assert/strict";
import test from "node:test";
import { bounded } from "../../src/frame/sizes.js";

test("the divider leaves room on both sides", () => {
  assert.deepEqual([bounded(-5), bounded(42.4), bounded(99)], [15, 42, 75]);
});
