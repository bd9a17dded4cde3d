/** Elements are made here: text is always text, and only a known list of attributes is set. */

const ATTRIBUTES = new Set([
  "class",
  "id",
  "role",
  "title",
  "type",
  "tabindex",
  "for",
  "name",
  "value",
  "placeholder",
  "rows",
  "autocomplete",
  "inputmode",
  "spellcheck",
  "disabled",
  "hidden",
  "checked",
  "readonly",
  "inert",
  "required",
  "target",
  "rel",
  "href",
]);

/** What makes a box leave what is typed as it is. */
export const VERBATIM = { spellcheck: "false", autocomplete: "off" };

function set(element, name, value) {
  if (name === "on") {
    for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
  } else if (name === "href") {
    throw new Error("links are made by link()");
  } else if (/^(aria|data)-[a-z-]+$/.test(name)) {
    if (value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, String(value));
  } else if (ATTRIBUTES.has(name)) {
    if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  } else {
    throw new Error(`not an attribute that this panel sets: ${name}`);
  }
}

/**
 * Set attributes of an element, or remove those that are null or undefined; `on` takes `{event: handler}`.
 *
 * A boolean is written as HTML wants it: true and false as words for `aria-` and `data-`, by being there for others.
 */
export function attributes(element, properties) {
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  return element;
}

/** Return a new element. Children are elements or text; null, undefined and false are left out. */
export function h(tag, properties = {}, ...children) {
  const element = attributes(document.createElement(tag), properties || {});
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Return a button. `properties` as of h. While it is `aria-disabled` a click does nothing, and the focus stays. */
export function button(text, click, properties = {}) {
  const press = (event) => {
    if (element.getAttribute("aria-disabled") !== "true") click(event);
  };
  const element = h("button", { type: "button", on: { click: press }, ...properties }, text);
  return element;
}

/** Return the address if it is one of the web (http, https), else "". */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : "";
  } catch {
    return ""; // not an address at all
  }
}

/** Return a link that opens a page of its own, or null if the address is not one of the web. */
export function link(url, text, properties = {}) {
  const address = webAddress(url);
  if (!address) return null;
  const element = h("a", { target: "_blank", rel: "noopener noreferrer", ...properties }, text);
  element.href = address;
  return element;
}

/** Say `text` in an element, touching the page only when it changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
