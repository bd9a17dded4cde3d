/** The composition of the panel, for one view of the widget. */

import { createActions } from "./actions/actions.js";
import { createNotices } from "./actions/notices.js";
import { title, unkillable } from "./batches/batch.js";
import { select } from "./batches/filter.js";
import { createSync } from "./batches/sync.js";
import { createDetail } from "./detail/detail.js";
import { attributes, h } from "./dom/elements.js";
import { watchVisibility } from "./dom/visibility.js";
import { createForm } from "./form/form.js";
import { createErrorLine } from "./frame/errors.js";
import { createFrame } from "./frame/frame.js";
import { createHeader } from "./frame/header.js";
import { fit } from "./frame/sizes.js";
import { createStatus } from "./frame/status.js";
import { createChannel } from "./kernel/channel.js";
import { createGrid } from "./list/grid.js";
import { createToolbar } from "./list/toolbar.js";
import { createLog } from "./log/log.js";

/** Return the front end: "lab", "notebook" (Notebook 7) or "other". */
function frontend() {
  const text = document.getElementById("jupyter-config-data")?.textContent;
  if (!text) return "other";
  return JSON.parse(text).notebookPage ? "notebook" : "lab";
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
  const filters = { text: "", mine: false, states: new Set(), sort: null };
  let opening = null; // the row of a batch that was just submitted: its log opens when it is listed
  let drawing = 0;

  const sync = createSync({ channel, model, batchesChanged: listSoon, livenessChanged: tick });
  const { store } = sync;
  const errorLine = createErrorLine();
  const notices = createNotices();
  const status = createStatus();
  const grid = createGrid(store, sync.shownTime, {
    open,
    kill: (rows) => actions.kill(rows),
    check: (rows) => toolbar.checked(rows.length, rows.filter((row) => !unkillable(store, store.get(row))).length),
    sort: (sort) => filter({ sort }),
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
  const log = createLog(detail.logHost, channel);
  const form = createForm({ channel, notices, on: { opened: onForm, submitted: onSubmitted } });
  const header = createHeader({
    about: model.get("about") || {},
    status: status.element,
    create: () => form.isOpen || form.open(null),
  });
  const toolbar = createToolbar({
    filter,
    kill: () => actions.kill(grid.checked),
    clear: onClear,
    toList: () => grid.focus(),
  });
  const frame = createFrame({
    errorLine: errorLine.element,
    header,
    list: [toolbar.element, grid.element],
    detail: detail.element,
    form: form.element,
    foot: [actions.element, notices.element],
  });
  const stopFitting = fit(frame);
  const stopWatching = watchVisibility(frame.main, channel.visible);
  channel.on("place", frame.place);

  function toList() {
    frame.reading(false);
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
    const covered = frame.reading(true);
    if (byKey || covered) log.focus();
  }

  function onForm(isOpen) {
    for (const part of [grid.element, toolbar.element, detail.element]) attributes(part, { inert: isOpen });
  }

  function onSubmitted(row) {
    opening = row;
    list();
  }

  function onClear() {
    grid.clearChecked();
    grid.focus();
  }

  function filter(changes) {
    Object.assign(filters, changes);
    list({ fresh: true });
  }

  function emptyText() {
    if (store.size) return "No batch matches the filters.";
    if (sync.complete) return "No batches yet. “New batch” submits one.";
    return channel.kernel === "gone" ? "The list is not saved." : "Waiting for the list of batches …";
  }

  function list({ fresh = false } = {}) {
    const { rows, counts, total } = select(store, { ...filters, now: sync.now() });
    if (sync.complete) toolbar.counts(counts, total, filters, store);
    grid.show(rows, { sort: filters.sort, fresh, note: emptyText() });
    detail.update();
    if (opening === null || !store.get(opening)) return;
    open(opening);
    opening = null;
  }

  function listSoon() {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(() => list());
  }

  function tick() {
    const state = sync.liveness();
    status.show(state);
    attributes(frame.main, { "data-stale": state.stale });
    log.live(!state.stale, state.old);
    if (store.size) grid.tick();
    else listSoon(); // the reason why it is empty may have changed
  }

  /** Send hello as soon as the view is in the page: before that, its place is not known. */
  function greet() {
    if (frame.root.isConnected) channel.hello();
    else greeting = requestAnimationFrame(greet);
  }

  detail.element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) toList();
  });
  el.append(frame.root);
  tick();
  list({ fresh: true });
  const timer = setInterval(tick, 1000);
  let greeting = requestAnimationFrame(greet);

  return () => {
    clearInterval(timer);
    cancelAnimationFrame(drawing);
    cancelAnimationFrame(greeting);
    stopWatching();
    stopFitting();
    errorLine.stop();
    log.destroy();
    grid.destroy();
    channel.destroy();
    frame.root.remove();
  };
}

export default { render };
