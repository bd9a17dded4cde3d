/** Sizes that CSS alone cannot know: the divider's place, and the height of a side bar or tab. */

import { attributes } from "../dom/elements.js";

const STEP = 5; // percent of the panel's height per key press
const LEAST = 15;
const MOST = 75;

/** Return the list's height, in percent of the panel's, limited so that both halves stay usable. */
export function bounded(percent) {
  return Math.min(MOST, Math.max(LEAST, Math.round(percent)));
}

/** Make the divider work and the panel fill its host; return a function that stops this. */
export function fit({ root, body, list, divider }) {
  let share = 38;

  function set(percent) {
    share = bounded(percent);
    size();
    attributes(divider, { "aria-valuenow": share, "aria-valuemin": LEAST, "aria-valuemax": MOST });
  }

  /** Set the list's height in px, from the whole panel's, so that notices at the foot shrink only the log. */
  function size() {
    list.style.flexBasis = `${Math.round((root.clientHeight * share) / 100)}px`;
  }

  function drag(event) {
    set(((event.clientY - body.getBoundingClientRect().top) / root.clientHeight) * 100);
  }

  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", drag);
    event.preventDefault();
  });
  divider.addEventListener("lostpointercapture", () => divider.removeEventListener("pointermove", drag));
  divider.addEventListener("keydown", (event) => {
    const next = { ArrowUp: share - STEP, ArrowDown: share + STEP, Home: LEAST, End: MOST }[event.key];
    if (next === undefined) return;
    set(next);
    event.preventDefault();
  });

  // JupyterLab's side bars and tabs hold an output area with a fixed height; a notebook has none.
  let host = null;
  const fill = () => {
    const found = root.closest(".jp-LinkedOutputView");
    if (found !== host) {
      if (host) observer.unobserve(host);
      host = found;
      if (host) observer.observe(host);
    }
    if (!host) return;
    const above = root.getBoundingClientRect().top - host.getBoundingClientRect().top + host.scrollTop;
    attributes(root, { "data-fills": "true" });
    root.style.height = `${Math.max(160, host.clientHeight - above - 4)}px`;
  };
  const observer = new ResizeObserver(() => {
    fill();
    size();
  });
  observer.observe(root);
  set(share);
  return () => observer.disconnect();
}
