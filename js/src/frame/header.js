/** The panel's first line: the server, its status, and the button that opens the form. */

import { button, h } from "../dom/elements.js";

/** Return the line. `about` is the trait, `status` the element with the server's status, `create` opens the form. */
export function createHeader({ about, status, create }) {
  const as = about.user ? ` as ${about.user}` : "";
  const name = h(
    "span",
    { class: "livy-server", title: `${about.server || ""}${as}` },
    h("span", { class: "livy-brand" }, "Livy · "),
    about.server || "",
    as,
  );
  return h("div", { class: "livy-head-line" }, name, status, button("+ New batch", create, { class: "livy-new" }));
}
