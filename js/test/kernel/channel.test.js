import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import test, { mock } from "node:test";
import { LATE, createChannel, decode } from "../../src/kernel/channel.js";

globalThis.reportError ??= (error) => {
  throw error;
};

function fakeModel() {
  const handlers = new Map();
  const sent = [];
  const model = {
    send: (content) => sent.push(content),
    on: (event, handler) => handlers.set(event, handler),
    off: (event) => handlers.delete(event),
  };
  return { model, sent, handlers, say: (content, buffers = []) => handlers.get("msg:custom")(content, buffers) };
}

// Messages pass through a queue, and inflating takes turns of the loop that are not timers.
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

function channelOf(t, options) {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const kernel = fakeModel();
  const channel = createChannel(kernel.model, options);
  t.after(() => {
    channel.destroy();
    mock.timers.reset();
  });
  return { channel, kernel };
}

test("a request gets the answer that repeats its id", async (t) => {
  const { channel, kernel } = channelOf(t);
  const [first, second] = [channel.request("line", { row: 1 }), channel.request("line", { row: 2 })];
  const [one, two] = kernel.sent;
  assert.equal(one.view, channel.view);
  kernel.say({ type: "line", view: channel.view, id: two.id, text: "b" });
  kernel.say({ type: "line", view: channel.view, id: one.id, text: "a" });
  assert.equal((await first).text, "a");
  assert.equal((await second).text, "b");
});

test("messages for another view are not heard", async (t) => {
  const { channel, kernel } = channelOf(t);
  const heard = [];
  channel.on("log", (message) => heard.push(message.row));
  kernel.say({ type: "log", view: "another", row: 1 });
  kernel.say({ type: "log", view: channel.view, row: 2 });
  kernel.say({ type: "log", row: 3 });
  await settle();
  assert.deepEqual(heard, [2, 3]);
});

test("compressed buffers are inflated, and the order of messages is kept", async (t) => {
  const { channel, kernel } = channelOf(t);
  const heard = [];
  channel.on("snapshot", (message) => heard.push(decode(message.bytes)));
  channel.on("patch", () => heard.push("patch"));
  const packed = deflateSync(Buffer.from("größer"));
  kernel.say({ type: "snapshot", view: channel.view, deflate: true }, [
    new DataView(packed.buffer, packed.byteOffset, packed.byteLength),
  ]);
  kernel.say({ type: "patch" });
  await settle();
  assert.deepEqual(heard, ["größer", "patch"]);
});

test("a kill ends with the last row's answer, text with its last piece", async (t) => {
  const { channel, kernel } = channelOf(t);
  const each = [];
  let over = false;
  const kill = channel.request("kill", { rows: [1, 2] }, { each: (ack) => each.push([ack.row, ack.ok]) }).then(() => {
    over = true;
  });
  const { id } = kernel.sent[0];
  kernel.say({ type: "ack", view: channel.view, id, row: 2, ok: false, text: "no" });
  await settle();
  assert.equal(over, false);
  kernel.say({ type: "ack", view: channel.view, id, row: 1, ok: true, text: "" });
  await kill;
  assert.deepEqual(each, [
    [2, false],
    [1, true],
  ]);
});

test("progress is no answer, but shows that the kernel listens", async (t) => {
  const { channel, kernel } = channelOf(t);
  const heard = [];
  const listeners = { each: (message) => heard.push(message.text), late: (word) => heard.push(word) };
  const submit = channel.request("submit", { row: null, values: {} }, listeners);
  const { id } = kernel.sent[0];
  kernel.say({ type: "progress", view: channel.view, id, text: "uploading" });
  await settle();
  mock.timers.tick(LATE);
  kernel.say({ type: "ack", view: channel.view, id, ok: true, text: "done" });
  assert.equal((await submit).text, "done");
  assert.deepEqual(heard, ["uploading", "slow", "done"]);
});

test("an ack without a row answers a whole kill", async (t) => {
  const { channel, kernel } = channelOf(t);
  const kill = channel.request("kill", { rows: [1, 2] });
  kernel.say({ type: "ack", view: channel.view, id: kernel.sent[0].id, row: null, ok: false, text: "unforeseen" });
  assert.equal((await kill).text, "unforeseen");
});

test("a refusal rejects with its text, but submit reads its own", async (t) => {
  const { channel, kernel } = channelOf(t);
  const detail = channel.request("detail", { row: 1 });
  kernel.say({ type: "ack", view: channel.view, id: kernel.sent[0].id, ok: false, text: "no such batch" });
  await assert.rejects(detail, /no such batch/);
  const submit = channel.request("submit", { row: null, values: {} });
  kernel.say({ type: "ack", view: channel.view, id: kernel.sent.at(-1).id, ok: false, text: "wrong" });
  assert.equal((await submit).ok, false);
});

test("a kernel that says nothing is busy; one that answers a later ping is only slow", async (t) => {
  const { channel, kernel } = channelOf(t);
  kernel.say({ type: "status" });
  await settle();
  const late = [];
  channel.request("kill", { rows: [1] }, { late: (word) => late.push(word) });
  mock.timers.tick(LATE);
  assert.deepEqual(late, ["busy"]);
  assert.equal(channel.kernel, "busy");
  const ping = kernel.sent.findLast((message) => message.type === "ping");
  kernel.say({ type: "pong", view: channel.view, id: ping.id });
  await settle();
  assert.deepEqual(late, ["busy", "slow"]);
  assert.equal(channel.kernel, "alive");
});

test("a hello without any message is a dead kernel, until it says something", async (t) => {
  const { channel, kernel } = channelOf(t);
  const states = [];
  channel.on("kernel", ({ state }) => states.push(state));
  channel.hello();
  mock.timers.tick(5000);
  assert.deepEqual(states, ["gone"]);
  const late = [];
  channel.request("kill", { rows: [1] }, { late: (word) => late.push(word) });
  mock.timers.tick(LATE);
  assert.deepEqual(late, ["gone"]);
  assert.equal(channel.kernel, "gone");
  kernel.say({ type: "status" });
  await settle();
  assert.notEqual(channel.kernel, "gone");
});

test("nothing is said before hello, which alone says where the view is", async (t) => {
  const { channel, kernel } = channelOf(t);
  kernel.say({ type: "status" });
  await settle();
  assert.deepEqual(kernel.sent, []);
  channel.hello();
  kernel.say({ type: "status" });
  await settle();
  assert.deepEqual(
    kernel.sent.map((message) => message.type),
    ["hello", "ping"],
  );
});

test("the closed end of a comm is seen at once", async (t) => {
  let dead = false;
  const { channel, kernel } = channelOf(t, { disconnected: () => dead });
  kernel.say({ type: "status" });
  await settle();
  assert.equal(channel.kernel, "alive");
  dead = true;
  kernel.handlers.get("comm_live_update")();
  mock.timers.tick(1);
  assert.equal(channel.kernel, "gone");
});

test("a handler that fails harms no other", async (t) => {
  const { channel, kernel } = channelOf(t);
  const reported = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error) => reported.push(error.message);
  t.after(() => {
    globalThis.reportError = before;
  });
  let heard = 0;
  channel.on("status", () => {
    throw new Error("a fault");
  });
  channel.on("status", () => {
    heard += 1;
  });
  kernel.say({ type: "status" });
  await settle();
  assert.deepEqual([reported, heard], [["a fault"], 1]);
});

test("closing says bye and leaves nothing on the model", (t) => {
  const { channel, kernel } = channelOf(t);
  channel.destroy();
  assert.equal(kernel.sent.at(-1).type, "bye");
  assert.equal(kernel.handlers.size, 0);
});

test("the first message of the kernel is answered by a ping, which shows it where messages come in now", async (t) => {
  const { channel, kernel } = channelOf(t);
  channel.hello();
  kernel.say({ type: "status" });
  kernel.say({ type: "status" });
  await settle();
  assert.deepEqual(kernel.sent.map((message) => message.type), ["hello", "ping"]);
});
