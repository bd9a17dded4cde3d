/** The panel's own faults: said in the panel, not only in the console. */

import { h, say } from "../dom/elements.js";

/** Return `{element, stop()}`: a line that says what goes wrong in this module, by whatever way it went. */
export function createFaults() {
  const element = h("div", { class: "livy-fault", role: "alert", hidden: true });

  function show(error) {
    if (!error || !String(error.stack).includes(import.meta.url)) return; // somebody else's
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
