/** The panel's own errors, shown in the panel as well as in the console. */

import { h, say } from "../dom/elements.js";

/** Return `{element, stop()}`: the line that shows each uncaught error and rejected promise of this bundle. */
export function createErrorLine() {
  const element = h("div", { class: "livy-fault", role: "alert", hidden: true });

  function show(error) {
    if (!error || !String(error.stack).includes(import.meta.url)) return; // not from this bundle
    say(
      element,
      `The panel has a fault of its own: ${error.message}. What it shows may be old; run %livy_panel again.`,
    );
    element.hidden = false;
  }

  const onError = (event) => show(event.error);
  const onRejection = (event) => show(event.reason);
  window.addEventListener("error", onError);
  window.addEventListener("unhandledrejection", onRejection);
  return {
    element,
    stop() {
      window.removeEventListener("error", onError);
      window.removeEventListener("unhandledrejection", onRejection);
    },
  };
}
