/** Words for the state of server and kernel, and for late answers. Pure. */

const TROUBLES = {
  unreachable: "unreachable",
  unauthorised: "unauthorised",
  not_livy: "not a Livy server",
  trouble: "trouble",
  stopped: "not watched any more",
};
const SILENT = 30; // seconds without an answer from the server after which the list counts as old

/** Return a time of day, "14:02", preceded by the date if that is not today. `seconds`: since the epoch. */
export function clock(seconds, now = Date.now() / 1000) {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const today = date.toDateString() === new Date(now * 1000).toDateString();
  return today ? time : `${date.toLocaleDateString()} ${time}`;
}

function ago(seconds) {
  return seconds < 1
    ? "just now"
    : seconds < 120
      ? `${Math.floor(seconds)} s ago`
      : `${Math.floor(seconds / 60)} min ago`;
}

/**
 * Return `{tone, text, stale, old}`. `tone` is "good", "busy" or "bad"; `stale` is whether list and log may be out of
 * date; if so, `old` is "as of 14:02", else "".
 *
 * `kernel` is the channel's state, `status` the last status message or null, `now` the kernel's clock in seconds,
 * `asOf` when the server last answered (seconds since the epoch, or 0 if it never did).
 */
export function liveness(facts) {
  const old = facts.asOf ? `as of ${clock(facts.asOf, facts.now)}` : "";
  const said = how(facts, old);
  return { ...said, old: said.stale ? old : "" };
}

function how({ kernel, status, now }, old) {
  const bracket = old ? ` (${old})` : "";
  if (kernel === "gone") return { tone: "bad", stale: true, text: `kernel gone${bracket}; run %livy_panel again` };
  if (!status) {
    if (kernel === "busy") return { tone: "busy", stale: true, text: `kernel busy${bracket}; waiting for it` };
    return { tone: "busy", stale: Boolean(old), text: `waiting for the kernel …${bracket}` };
  }
  const busy = kernel === "busy";
  const age = now - status.seen;
  if (status.state === "connected" && age < SILENT) {
    const text = `connected, ${ago(age)}`;
    if (!busy) return { tone: "good", stale: false, text };
    return { tone: "busy", stale: false, text: `${text}; kernel busy: the list is live, what is asked of it waits` };
  }
  if (status.state === "connected") {
    return {
      tone: "busy",
      stale: true,
      text: busy ? `kernel busy; list ${old}` : `no news for ${ago(age).replace(" ago", "")}; list ${old}`,
    };
  }
  const since = status.since ? ` since ${clock(status.since, now)}` : "";
  const why = status.text ? `: ${status.text}` : "";
  const list = old ? `; list ${old}` : "";
  return { tone: "bad", stale: true, text: `${TROUBLES[status.state] || status.state}${since}${list}${why}` };
}

/** The text to show while a request has no answer, by the channel's word for its lateness. */
export const LATE_WORDS = {
  busy: "kernel busy: will be sent when the cell ends; or interrupt it",
  slow: "sent; the server has not answered yet",
  gone: "kernel gone: run %livy_panel again",
};
/** The same for a request that changes something: kill, submit. */
export const LATE_ACTIONS = { ...LATE_WORDS, gone: `${LATE_WORDS.gone} to see what became of it` };
