/** The panel: composed here, for one view of the widget. */

import { createActions, killable } from "./actions.js";
import { createChannel, decode } from "./channel.js";
import { createDetail } from "./detail.js";
import { attributes, button, h, say } from "./dom.js";
import { createForm } from "./form.js";
import { createGrid } from "./grid.js";
import { createHead } from "./head.js";
import { fit } from "./layout.js";
import { createLog } from "./log.js";
import { createNotices } from "./notices.js";
import { createRows, select, title } from "./rows.js";
import { createStatus, words } from "./status.js";

const LEAVING = 1000; // ms out of sight until the kernel is told: scrolling past is not leaving

/** Say where we are: "lab", "notebook" (Notebook 7) or "other". */
function frontend() {
  const text = document.getElementById("jupyter-config-data")?.textContent;
  if (!text) return "other";
  return JSON.parse(text).notebookPage ? "notebook" : "lab";
}

/** Show in `line` what goes wrong in this module; answers how to stop that. */
function showOwnErrors(line) {
  const show = (error) => {
    if (!error || !String(error.stack).includes(import.meta.url)) return; // somebody else's
    say(line, `The panel has a fault of its own: ${error.message}. What it shows may be old; run %livy_panel again.`);
    line.hidden = false;
  };
  const onError = (event) => show(event.error);
  const onRejection = (event) => show(event.reason);
  window.addEventListener("error", onError);
  window.addEventListener("unhandledrejection", onRejection);
  return () => {
    window.removeEventListener("error", onError);
    window.removeEventListener("unhandledrejection", onRejection);
  };
}

function render({ model, el }) {
  try {
    return compose(model, el);
  } catch (error) {
    el.replaceChildren(
      h("div", { class: "livy-panel livy-fault", role: "alert" }, `The panel cannot be shown: ${error.message}`),
    );
    throw error;
  }
}

function compose(model, el) {
  const channel = createChannel(model, {
    frontend: frontend(),
    inline: () => Boolean(el.closest(".jp-Notebook")),
    disconnected: () => Boolean(el.closest(".jupyter-widgets-disconnected")),
  });
  const store = createRows();
  const filters = { text: "", mine: false, states: new Set(), sort: null };
  let status = null;
  let ahead = 0; // seconds that the kernel's clock is ahead of this one
  let opening = null; // a batch that was submitted just now: its log opens when it is listed
  let drawing = 0;
  let complete = false; // a snapshot has come
  let behind = true; // a snapshot is on its way: what changed since the last one is in it
  let stale = false; // the list may be old
  const now = () => Date.now() / 1000 + ahead;

  const lastSeen = () => (status && status.seen) || model.get("as_of") || 0;

  const notices = createNotices();
  const line = createStatus();
  // What runs in a list that may be old is not known to run on: its time stands still.
  const grid = createGrid(store, () => (stale && lastSeen() ? lastSeen() : now()), {
    open,
    kill: (rows) => actions.kill(rows),
    check: (rows) => head.checked(rows.length, rows.filter((row) => killable(store, store.get(row))).length),
    sort: (sort) => {
      filters.sort = sort;
      list({ fresh: true });
    },
  });
  const actions = createActions({ channel, store, grid, notices });
  const detail = createDetail({
    channel,
    store,
    on: {
      back: toList,
      kill: (row) => actions.kill([row]),
      resubmit: (row) => form.open(row, title(store.get(row))),
      copy: (row) => actions.copy(row),
    },
  });
  const form = createForm({
    channel,
    notices,
    on: {
      opened: (isOpen) => {
        for (const part of [grid.element, head.filters, detail.element]) attributes(part, { inert: isOpen });
      },
      submitted: (row) => {
        opening = row;
        list();
      },
    },
  });
  const head = createHead({
    about: model.get("about") || {},
    status: line.element,
    on: {
      filter: (changes) => {
        Object.assign(filters, changes);
        list({ fresh: true });
      },
      create: () => form.open(null),
      kill: () => actions.kill(grid.checked),
      clear: () => {
        grid.clearChecked();
        grid.focus();
      },
      toList: () => grid.focus(),
    },
  });
  const log = createLog(detail.logHost, channel);

  const fault = h("div", { class: "livy-fault", role: "alert", hidden: true });
  const place = h("div", { class: "livy-place", hidden: true });
  const listPane = h("section", { class: "livy-list", "aria-label": "List of batches" }, head.filters, grid.element);
  const divider = h("div", {
    class: "livy-divider",
    role: "separator",
    tabindex: 0,
    "aria-orientation": "horizontal",
    "aria-label": "Height of the list",
  });
  detail.element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) toList();
  });
  const body = h("div", { class: "livy-body-panes" }, listPane, divider, detail.element, form.element);
  const main = h("div", { class: "livy-main" }, head.element, body, actions.element, notices.element);
  const root = h(
    "div",
    {
      class: "livy-panel",
      role: "region",
      "aria-label": "Livy batches",
      "data-lm-suppress-shortcuts": "true",
      "data-reading": "false",
      // Keys are the panel's own: none reaches the notebook's shortcuts.
      on: { keydown: (event) => event.stopPropagation() },
    },
    fault,
    place,
    main,
  );
  const unfit = fit({ root, body, list: listPane, divider });
  const unshow = showOwnErrors(fault);

  function toList() {
    attributes(root, { "data-reading": "false" });
    grid.focus();
  }

  function open(row, { byKey = false } = {}) {
    const batch = store.get(row);
    if (!batch) return;
    if (detail.row !== row) {
      detail.open(row);
      log.open(row, title(batch));
      grid.opened(row);
    }
    attributes(root, { "data-reading": "true" });
    // Where it is narrow, the log has taken the place of the list.
    if (byKey || getComputedStyle(listPane).visibility === "hidden") log.focus();
  }

  function list({ fresh = false } = {}) {
    const { rows, counts, total } = select(store, { ...filters, now: now() });
    head.counts(counts, total, filters, store);
    const none = !complete
      ? "Waiting for the list of batches …"
      : store.size
        ? "No batch matches the filters."
        : "No batches yet. “New batch” submits one.";
    grid.show(rows, { sort: filters.sort, fresh, note: none });
    detail.update();
    if (opening !== null && store.get(opening)) {
      const row = opening;
      opening = null;
      open(row);
    }
  }

  function listSoon() {
    if (drawing) return;
    drawing = requestAnimationFrame(() => {
      drawing = 0;
      list();
    });
  }

  function tick() {
    const state = words({ kernel: channel.kernel, status, now: now(), asOf: lastSeen() });
    stale = state.stale;
    line.show(state);
    attributes(main, { "data-stale": String(state.stale) });
    grid.tick();
  }

  function setClock(message) {
    if (typeof message.now === "number") ahead = message.now - Date.now() / 1000;
  }

  channel.on("snapshot", (message) => {
    setClock(message);
    complete = true;
    behind = false;
    store.reset({ rev: message.rev, ...JSON.parse(decode(message.bytes)) });
    listSoon();
  });
  channel.on("patch", (message) => {
    setClock(message);
    const rows = message.rows || JSON.parse(decode(message.bytes)).rows;
    if (behind) return;
    if (store.patch({ ...message, rows })) return listSoon();
    behind = true;
    channel.hello();
  });
  channel.on("status", (message) => {
    setClock(message);
    status = message;
    if (message.seen) model.set("as_of", message.seen);
    tick();
  });
  channel.on("kernel", tick);
  channel.on("place", ({ text, hide }) => {
    place.replaceChildren(text);
    if (hide)
      place.append(
        " ",
        button("Show here as well", () => {
          place.hidden = true;
          main.hidden = false;
        }),
      );
    place.hidden = false;
    main.hidden = Boolean(hide);
  });

  let inView = true;
  let leaving = 0;
  function showing() {
    clearTimeout(leaving);
    const seen = inView && document.visibilityState === "visible";
    if (seen) channel.visible(true);
    else leaving = setTimeout(() => channel.visible(false), LEAVING);
  }
  const watcher = new IntersectionObserver((entries) => {
    inView = entries[entries.length - 1].isIntersecting;
    showing();
  });
  watcher.observe(main);
  document.addEventListener("visibilitychange", showing);
  const timer = setInterval(tick, 1000);

  el.append(root);
  tick();
  list({ fresh: true });
  let greeting = requestAnimationFrame(greet);
  function greet() {
    // Where the view is can be told as soon as it is in the page.
    if (root.isConnected) channel.hello();
    else greeting = requestAnimationFrame(greet);
  }

  return () => {
    clearInterval(timer);
    clearTimeout(leaving);
    cancelAnimationFrame(drawing);
    cancelAnimationFrame(greeting);
    watcher.disconnect();
    document.removeEventListener("visibilitychange", showing);
    unshow();
    unfit();
    log.destroy();
    grid.destroy();
    channel.destroy();
    root.remove();
  };
}

export default { render };
