/**
 * The channel to the widget's model, that is, to the kernel; no other module talks to it.
 *
 *   channel.request(type, members, {each, late}) -> Promise of the last answer. `kill` (one per row), `text` (pieces)
 *       and `submit` (progress, then the answer) get several answers: `each` is called with every one. `late` is called
 *       with "busy" when the kernel has sent nothing for 2.5 s, with "slow" when it listens but has not answered yet,
 *       and with "gone" when the kernel is gone, so that no answer will come. A request never times out.
 *       A negative `ack` rejects the promise with its text as the error's message, except for kill and submit, whose
 *       callers read it.
 *   channel.tell(type, members): send a message that gets no answer.
 *   channel.ping(): test whether the kernel listens; the result is a "kernel" message.
 *   channel.on(type, handler) -> off. Messages for other views are dropped. The handler gets the kernel's message with
 *       `bytes`: its first buffer as an inflated Uint8Array, or null; `decode(bytes)` turns that into text.
 *       The channel itself emits type "kernel", `{state: "starting" | "alive" | "busy" | "gone"}`, at each change.
 *
 * Messages are handled one after the other, in the order of their arrival, although inflating takes time.
 */

export const LATE = 2500; // ms without an answer after which the kernel counts as busy
const ASK = 2000; // ms without an answer after which a request sends a ping
const PING_EVERY = 10000; // ms
const GONE = 5000; // ms after hello without any message after which the kernel counts as gone

const utf8 = new TextDecoder();

/** Return the text of a buffer, "" for null. */
export function decode(bytes) {
  return bytes ? utf8.decode(bytes) : "";
}

/** Return whether this browser can inflate what the kernel compresses. */
export function canInflate() {
  return typeof DecompressionStream !== "undefined";
}

async function bytesOf(content, buffers) {
  if (!buffers || !buffers.length) return null;
  const { buffer, byteOffset, byteLength } = buffers[0];
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  if (!content.deflate) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function isLast(request, message) {
  if (message.type === "progress") return false;
  if (message.type === "text") return message.last;
  if (request.type !== "kill" || message.row === null || message.row === undefined) return true;
  request.rows.delete(message.row);
  return request.rows.size === 0;
}

function isRefusal(request, message) {
  return message.type === "ack" && !message.ok && request.type !== "kill" && request.type !== "submit";
}

/**
 * Return the channel of one view.
 *
 * `frontend` is "lab", "notebook" or "other"; `inline()` returns whether the view is below a cell; `disconnected()`
 * returns whether the widget manager knows that the kernel's end is dead.
 */
export function createChannel(model, { frontend = "other", inline = () => true, disconnected = () => false } = {}) {
  const view = Math.random().toString(36).slice(2) + Date.now().toString(36);
  const handlers = new Map();
  const waiting = new Map(); // id -> request
  const timers = new Set();
  let lastId = 0;
  let kernel = "starting";
  let heard = null; // whether the kernel has sent anything since the last hello; null before the first hello
  let on = true;
  let closed = false;
  let queue = Promise.resolve();

  function emit(type, message) {
    for (const handler of [...(handlers.get(type) || [])]) {
      try {
        handler(message);
      } catch (error) {
        reportError(error); // shown in the panel by index.js; the other handlers still get the message
      }
    }
  }

  function after(ms, action) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, ms);
    timers.add(timer);
    return timer;
  }

  function stop(timer) {
    clearTimeout(timer);
    timers.delete(timer);
  }

  function setKernel(state) {
    if (state === kernel || closed) return;
    kernel = state;
    if (state === "gone") for (const request of waiting.values()) setLateness(request, "gone");
    emit("kernel", { state });
  }

  function reckon() {
    if (disconnected() || kernel === "gone")
      setKernel("gone"); // until it sends something
    else if ([...waiting.values()].some((request) => request.lateness === "busy")) setKernel("busy");
    else if (heard) setKernel("alive");
  }

  function send(content) {
    try {
      model.send(content);
    } catch (error) {
      setKernel("gone"); // the comm is closed: waiting requests stay unanswered, and the state says why
      console.warn("livy_magic: the kernel's end of the panel is closed", error);
    }
  }

  function beLate(request) {
    if (!waiting.has(request.id)) return;
    if (kernel === "gone") return setLateness(request, "gone");
    // An answer to a newer request proves that the kernel has read this one: messages keep their order.
    setLateness(request, request.id <= newestAnswer ? "slow" : "busy");
  }

  let newestAnswer = 0;

  function setLateness(request, lateness) {
    if (request.lateness === lateness) return;
    request.lateness = lateness;
    if (request.late) request.late(lateness);
    if (lateness !== "gone") reckon();
  }

  function answered(message) {
    newestAnswer = Math.max(newestAnswer, message.id);
    for (const request of waiting.values()) {
      if (request.lateness === "busy" && request.id <= newestAnswer) setLateness(request, "slow");
    }
    const request = waiting.get(message.id);
    if (!request) return;
    if (request.each) request.each(message);
    if (!isLast(request, message)) return;
    waiting.delete(request.id);
    request.timers.forEach(stop);
    if (isRefusal(request, message)) request.reject(new Error(message.text));
    else request.resolve(message);
  }

  async function receive(content, buffers) {
    if (closed || !content || (content.view !== undefined && content.view !== null && content.view !== view)) return;
    const message = { ...content, bytes: await bytesOf(content, buffers) };
    if (closed) return;
    if (heard === false) ping(); // hello may have come too early for Jupyter to take messages while a cell runs
    heard = true;
    if (kernel === "gone" && !disconnected()) setKernel("starting");
    if (typeof message.id === "number") answered(message);
    emit(message.type, message);
    reckon();
  }

  function onMessage(content, buffers) {
    queue = queue.then(() => receive(content, buffers)).catch(reportError);
  }

  function onLiveness() {
    // The widget manager may mark its element after this handler, so check when all handlers have run.
    after(0, () => {
      if (disconnected()) setKernel("gone");
      else hello();
    });
  }

  function hello() {
    heard = false;
    send({ type: "hello", view, frontend, inline: inline(), deflate: canInflate() });
    after(GONE, () => {
      if (!heard) setKernel("gone");
    });
    reckon();
  }

  function request(type, members = {}, { each, late } = {}) {
    return new Promise((resolve, reject) => {
      const id = ++lastId;
      const entry = { id, type, each, late, resolve, reject, lateness: "", rows: new Set(members.rows), timers: [] };
      waiting.set(id, entry);
      if (kernel === "gone") after(0, () => beLate(entry));
      if (type !== "ping") entry.timers.push(after(ASK, ping));
      entry.timers.push(after(LATE, () => beLate(entry)));
      send({ type, view, id, ...members });
    });
  }

  function ping() {
    if (![...waiting.values()].some((entry) => entry.type === "ping" && entry.id === lastId)) request("ping");
  }

  function tell(type, members = {}) {
    send({ type, view, ...members });
  }

  function visible(now) {
    if (now === on) return;
    on = now;
    tell("visible", { on });
    if (on) ping();
  }

  function listen(type, handler) {
    if (!handlers.has(type)) handlers.set(type, new Set());
    handlers.get(type).add(handler);
    return () => handlers.get(type).delete(handler);
  }

  function destroy() {
    if (!closed) tell("bye");
    closed = true;
    clearInterval(pinger);
    timers.forEach(clearTimeout);
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onLiveness);
  }

  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onLiveness);
  const pinger = setInterval(() => {
    if (on && ![...waiting.values()].some((entry) => entry.type === "ping")) ping();
  }, PING_EVERY);

  return {
    view,
    request,
    tell,
    on: listen,
    hello,
    visible,
    ping,
    destroy,
    get kernel() {
      return kernel;
    },
  };
}
