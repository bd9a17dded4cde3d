import assert from "node:assert/strict";
import test from "node:test";
import { clock, liveness } from "../../src/kernel/liveness.js";

const NOW = new Date(2026, 10, 26, 14, 2, 30).getTime() / 1000;
const connected = { state: "connected", text: "", since: null, seen: NOW - 2.4 };
const say = (given) =>
  liveness({ kernel: "alive", status: connected, now: NOW, asOf: given.status?.seen || connected.seen, ...given });

test("connected counts from the last look", () => {
  assert.deepEqual(say({}), { tone: "good", stale: false, old: "", text: "connected, 2 s ago" });
});

test("a server that was not looked at for long is not called connected", () => {
  const { text, stale, tone } = say({ status: { ...connected, seen: NOW - 45 } });
  assert.deepEqual([text, stale, tone], ["no news for 45 s; list as of 14:01", true, "busy"]);
});

test("trouble is said with since-when and why, and the list is marked as old", () => {
  const status = { state: "unreachable", text: "Connection refused", since: NOW - 120, seen: NOW - 130 };
  assert.deepEqual(say({ status }), {
    tone: "bad",
    stale: true,
    old: "as of 14:00",
    text: "unreachable since 14:00; list as of 14:00: Connection refused",
  });
});

test("a busy kernel with live looks is not a dead list", () => {
  assert.deepEqual(say({ kernel: "busy" }), {
    tone: "busy",
    stale: false,
    old: "",
    text: "connected, 2 s ago; kernel busy: the list is live, what is asked of it waits",
  });
});

test("a dead kernel wins over all, with the time of the list", () => {
  assert.equal(say({ kernel: "gone" }).text, "kernel gone (as of 14:02); run %livy_panel again");
  assert.equal(say({ kernel: "gone", status: null, asOf: 0 }).text, "kernel gone; run %livy_panel again");
  assert.equal(
    say({ kernel: "gone", status: null, asOf: NOW }).text,
    "kernel gone (as of 14:02); run %livy_panel again",
  );
});

test("another day is said", () => {
  assert.match(clock(NOW - 86400 * 2, NOW), /.+ 14:02$/);
});
