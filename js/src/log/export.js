/** Copy and download: full lines of a log, fetched piece by piece, to the clipboard or a file. */

import { toClipboard } from "../dom/clipboard.js";
import { button, h, say } from "../dom/elements.js";

const COPY_LIMIT = 1_000_000; // bytes
const STEP = 20_000; // lines per request
const NEWLINE = 10;

export const number = (count) => count.toLocaleString("en");
export const counted = (count) => `${number(count)} ${count === 1 ? "line" : "lines"}`;

/**
 * Return `{element, copy}`: the buttons that copy and save, and the function for the copy key.
 *
 * `current()` returns the open log, `{row, only, title, lines}`; `selected()` the lines to copy, `{from, to}` with `to`
 * exclusive, or null for all; `tell(text)` shows progress and results.
 */
export function createExporter({ channel, current, selected, tell }) {
  const download = button("download", saveOrStop, { title: "save the whole log as a file" });
  const element = h(
    "span",
    { class: "livy-log-group livy-log-whole" },
    button("copy", copy, { title: "copy the selected lines, or all of them" }),
    download,
  );
  let saving = null; // {stopped} while a download is running

  /** Return a function that requests text of this log, even after another log was opened. */
  function source({ row, only }) {
    return (from, to, each) => channel.request("text", { row, only, from, to }, { each });
  }

  async function copy() {
    const log = current();
    const { from, to } = selected() || { from: 0, to: log.lines.total };
    try {
      tell("copying …");
      const parts = await gather(source(log), { from, to, limit: COPY_LIMIT, progress: () => log === current() });
      if (log !== current()) return;
      if (!parts) return tell("more than 1 MB is not copied: use download");
      await toClipboard(textOf(parts));
      tell(`copied ${counted(to - from)}`);
    } catch (error) {
      tell(error.message);
    }
  }

  async function save(log, mine) {
    const to = log.lines.total;
    const here = (text) => log === current() && tell(text);
    const progress = (share) => {
      here(mine.stopped ? "download stopped" : `downloading … ${Math.round(100 * share)} %`);
      return !mine.stopped;
    };
    progress(0);
    const parts = await gather(source(log), { from: 0, to, progress });
    if (!parts) return;
    toFile(parts, `${log.title}.log`);
    here(`saved ${counted(to)}`);
  }

  async function saveOrStop() {
    if (saving) return stop();
    const mine = { stopped: false };
    saving = mine;
    say(download, "stop");
    try {
      await save(current(), mine);
    } catch (error) {
      tell(error.message);
    }
    if (saving === mine) stop();
  }

  function stop() {
    saving.stopped = true;
    saving = null;
    say(download, "download");
  }

  return { element, copy };
}

/**
 * Return lines [from, to) of a log as a list of byte arrays; null if `progress` stopped it, or for more than `limit`
 * bytes. `fetch(from, to, each)` requests some of the lines from the kernel. `progress(share)` gets the share that is
 * done, 0 to 1, and returns false to stop.
 */
export async function gather(fetch, { from, to, limit = Infinity, progress }) {
  const parts = [];
  let size = 0;
  for (let start = from; start < to; start += STEP) {
    const stop = Math.min(start + STEP, to);
    await fetch(start, stop, ({ bytes }) => {
      if (!bytes || !bytes.length || size > limit) return;
      parts.push(bytes);
      size += bytes.length;
    });
    const last = parts[parts.length - 1];
    if (last && last[last.length - 1] !== NEWLINE) parts.push(Uint8Array.of(NEWLINE));
    if (size > limit || !progress((stop - from) / (to - from))) return null;
  }
  return parts;
}

/** Return the text in byte arrays, each of which may end within a character. */
export function textOf(parts) {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}

/** Have the browser save byte arrays as a file. */
export function toFile(parts, name) {
  const address = URL.createObjectURL(new Blob(parts, { type: "text/plain;charset=utf-8" }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name.replace(/[^\w.\-() ]+/g, "_");
  document.body.append(anchor); // Firefox requires it in the page
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
