// What a page measures of itself: the messages of its kernels, by size and time, and when something is painted.
window.probe = (() => {
  const PATIENCE = 60_000; // ms
  let frames = [];

  function note(way, data) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, 4000));
    frames.push({ way, at: performance.now(), size: bytes.length, text });
  }

  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => note("in", data));
    }

    send(data) {
      note("out", data);
      super.send(data);
    }
  };

  const frame = () => new Promise(requestAnimationFrame);

  return {
    clear: () => (frames = []),
    /** When the first message with this text came or went, and its size. */
    message: (way, text) => frames.find((one) => one.way === way && one.text.includes(text)),
    /** Bytes of all messages that came. */
    bytes: () => frames.filter((one) => one.way === "in").reduce((sum, one) => sum + one.size, 0),
    /** When the frame in which `isThere()` first held was done. */
    async painted(isThere) {
      const begun = performance.now();
      while (!isThere()) {
        if (performance.now() > begun + PATIENCE) throw new Error(`never seen: ${isThere}`);
        await frame();
      }
      await frame();
      return performance.now();
    },
    /** The time between frames, ms, for so many seconds. */
    async pace(seconds) {
      const times = [await frame()];
      while (times.at(-1) < times[0] + 1000 * seconds) times.push(await frame());
      return times.slice(1).map((time, index) => time - times[index]);
    },
  };
})();
