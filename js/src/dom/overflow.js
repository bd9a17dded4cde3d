/** An overflow menu: in a narrow place its items are behind a button with three dots, elsewhere in the line. */

import { attributes, button, h } from "./elements.js";

/** Return an element that holds `children`. `label` names the button; CSS decides when the button is shown. */
export function createOverflowMenu(label, ...children) {
  const dots = button("⋯", () => show(!isOpen()), {
    class: "livy-dots", title: label, "aria-label": label, "aria-expanded": false,
  });
  const items = h("span", { class: "livy-more-items" }, children);
  const element = h("span", { class: "livy-more", on: { keydown, focusout } }, dots, items);

  const isOpen = () => element.dataset.open === "true";

  function show(open) {
    attributes(element, { "data-open": open });
    attributes(dots, { "aria-expanded": open });
  }

  function keydown(event) {
    if (event.key !== "Escape" || !isOpen()) return;
    show(false);
    dots.focus();
    event.preventDefault();
  }

  function focusout(event) {
    if (event.relatedTarget && !element.contains(event.relatedTarget)) show(false);
  }

  return element;
}
