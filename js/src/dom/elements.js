/** Creation of elements: text is always inserted as text, and only listed attributes can be set. */

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

/** Attributes that keep the browser from correcting or completing what is typed. */
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
 * Set an element's attributes; remove those that are null or undefined. `on` takes `{event: handler}`.
 *
 * Booleans become "true" and "false" for `aria-` and `data-` attributes; other attributes are set for true and removed
 * for false.
 */
export function attributes(element, properties) {
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  return element;
}

/** Return a new element. Children are elements or text; null, undefined and false are skipped. */
export function h(tag, properties = {}, ...children) {
  const element = attributes(document.createElement(tag), properties || {});
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Return a button; `properties` are as for h. While it is `aria-disabled`, clicks do nothing; the focus stays. */
export function button(text, click, properties = {}) {
  const press = (event) => {
    if (element.getAttribute("aria-disabled") !== "true") click(event);
  };
  const element = h("button", { type: "button", on: { click: press }, ...properties }, text);
  return element;
}

/** Return the address if it is an http or https URL, else "". */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : "";
  } catch {
    return ""; // not a URL at all
  }
}

/** Return a link that opens a new page, or null if the address is not an http or https URL. */
export function link(url, text, properties = {}) {
  const address = webAddress(url);
  if (!address) return null;
  const element = h("a", { target: "_blank", rel: "noopener noreferrer", ...properties }, text);
  element.href = address;
  return element;
}

/** Set an element's text, but touch the page only if the text changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
