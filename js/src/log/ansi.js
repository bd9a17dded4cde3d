/** Conversion of a line's colour codes to pieces of text with classes. Pure: no markup, only colours in range. */

import Anser from "anser";

const LONGEST = 4000; // most characters of a line to show; the kernel cuts earlier
const PIECES = 200; // most coloured pieces of a line; the rest is shown without colours
const MARKS = 200; // most hits to mark in a line

// Control characters, and those that reverse the direction of text. Only ESC may stay: it begins a colour code.
const UNSEEN = /[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const COLOUR = "\\[[\\d;]*m";
const OTHER_ESCAPE = new RegExp(`\\u001b(?!${COLOUR})(?:\\[[\\d;:?]*[@-~]?)?`, "g");
const ANY_COLOUR = new RegExp(`\\u001b${COLOUR}`, "g");
const LEVELS = [0, 95, 135, 175, 215, 255]; // of red, green and blue in the palette of 256 colours

function paletteColour(number) {
  if (number >= 232) return Array(3).fill(8 + (number - 232) * 10);
  const cube = number - 16;
  return [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => LEVELS[level]);
}

function colour(name, trueText) {
  if (name === "ansi-truecolor") return trueText.split(", "); // three numbers, checked by anser
  const palette = /^ansi-palette-(\d{1,3})$/.exec(name || "");
  return palette ? paletteColour(Number(palette[1])) : null;
}

function piece(token) {
  const classes = token.decorations.map((decoration) => `ansi-${decoration}`);
  const made = { text: token.content, classes };
  for (const ground of ["fg", "bg"]) {
    const rgb = colour(token[ground], token[`${ground}_truecolor`]);
    if (rgb) made[ground] = `rgb(${rgb.join(" ")})`;
    if (rgb) classes.push(`ansi-${ground}`);
    else if (token[ground]) classes.push(`${token[ground]}-${ground}`);
  }
  return made;
}

function clean(line) {
  return line.slice(0, LONGEST).replace(OTHER_ESCAPE, "\ufffd").replace(UNSEEN, "\ufffd");
}

/** Return a line's text without colour codes. */
export function plain(line) {
  return clean(line).replace(ANY_COLOUR, "");
}

/**
 * Return a line's pieces, `[{text, classes, fg?, bg?}]`. `fg` and `bg` are CSS colours for those that have no class.
 * Each line begins with the active colours, so it can be parsed on its own.
 */
export function pieces(line) {
  const text = clean(line);
  if (!text.includes("\u001b")) return [{ text, classes: [] }];
  const tokens = text.split(/(?=\u001b)/);
  const read = Anser.ansiToJson(tokens.slice(0, PIECES).join(""), { use_classes: true, remove_empty: true });
  const rest = tokens.slice(PIECES).join("").replace(ANY_COLOUR, "");
  return [...read.map(piece), ...(rest ? [{ text: rest, classes: [] }] : [])];
}

/** Return a pattern that finds `query` literally in a line, or null if `query` is empty. */
export function pattern(query, matchCase) {
  if (!query) return null;
  return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), matchCase ? "gu" : "giu");
}

/** Return the pieces, cut so that each hit of the pattern is one or more pieces with `hit: true`. */
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
