/** A line's colour codes become pieces of text with classes. Pure: no markup, and only colours that are in range. */

import { after, PLAIN } from "./sgr.js";

const LONGEST = 4000; // characters of a line that are shown; the kernel cuts earlier
const PIECES = 200; // of a line; what follows is shown plain
const MARKS = 200; // hits marked in a line

// Control characters, and those that turn the direction of text around. ESC alone may stay: it begins a colour.
const UNSEEN = /[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const COLOUR = "\\[[\\d;]*m";
const OTHER_ESCAPE = new RegExp(`\\u001b(?!${COLOUR})(?:\\[[\\d;:?]*[@-~]?)?`, "g");
const ANY_COLOUR = new RegExp(`\\u001b${COLOUR}`, "g");

function piece(text, style) {
  const classes = style.decorations.map((decoration) => `ansi-${decoration}`);
  const made = { text, classes };
  for (const [ground, colour] of [
    ["fg", style.reverse ? style.bg : style.fg],
    ["bg", style.reverse ? style.fg : style.bg],
  ]) {
    if (!colour) continue;
    const isNamed = !colour.startsWith("rgb");
    if (!isNamed) made[ground] = colour;
    classes.push(isNamed ? `ansi-${colour}-${ground}` : `ansi-${ground}`);
  }
  return made;
}

function clean(line) {
  return line.slice(0, LONGEST).replace(OTHER_ESCAPE, "\ufffd").replace(UNSEEN, "\ufffd");
}

/** Return a line's text without its colours. */
export function plain(line) {
  return clean(line).replace(ANY_COLOUR, "");
}

/**
 * Return `[{text, classes, fg?, bg?}]` of a line. `fg` and `bg` are CSS colours for what has no class of its own.
 * A line begins with the colours in force, so each is read for itself.
 */
export function pieces(line) {
  const text = clean(line);
  if (!text.includes("\u001b")) return [{ text, classes: [] }];
  const [first, ...tokens] = text.split(/\u001b\[([\d;]*)m/); // text, then codes and text by turns
  const made = first ? [piece(first, PLAIN)] : [];
  let style = PLAIN;
  while (tokens.length && made.length < PIECES) {
    const [codes, content] = tokens.splice(0, 2);
    style = after(style, codes);
    if (content) made.push(piece(content, style));
  }
  const rest = tokens.filter((_, index) => index % 2).join("");
  return rest ? [...made, piece(rest, PLAIN)] : made;
}

/** Return the pattern that finds `query` in a line as it stands there, or null if there is nothing to find. */
export function pattern(query, matchCase) {
  if (!query) return null;
  return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), matchCase ? "gu" : "giu");
}

/** Return the pieces cut so that each hit of the pattern is a piece, or several, with `hit: true`. */
export function marked(parts, found) {
  if (!found) return parts;
  const hits = [...parts.map((part) => part.text).join("").matchAll(found)].slice(0, MARKS);
  const cuts = hits.flatMap((hit) => [hit.index, hit.index + hit[0].length]); // begin, end, begin, end, …
  let place = 0;
  return parts.flatMap((part) => {
    const start = place;
    place += part.text.length;
    const inside = [...new Set(cuts)].filter((cut) => cut > start && cut < place);
    return [start, ...inside].map((from, i) => {
      const text = part.text.slice(from - start, (inside[i] ?? place) - start);
      return { ...part, text, hit: cuts.filter((cut) => cut <= from).length % 2 === 1 };
    });
  });
}
