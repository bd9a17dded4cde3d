/** What a terminal's codes for colours mean (SGR, ECMA-48). Pure. */

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const BEGINS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strikethrough" };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 29: ["strikethrough"] };
const LEVELS = [0, 95, 135, 175, 215, 255]; // of red, green and blue in the palette of 256 colours

/** How text looks before any code; a colour is a name, as "bright-red", or "rgb(1 2 3)", or null. */
export const PLAIN = { fg: null, bg: null, reverse: false, decorations: [] };

const rgb = (parts) => `rgb(${parts.join(" ")})`;
const named = (number) => (number > 7 ? "bright-" : "") + NAMES[number % 8];

function paletteColour(number) {
  if (number < 16) return named(number);
  if (number >= 232) return rgb(Array(3).fill(8 + (number - 232) * 10));
  const cube = number - 16;
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => LEVELS[level]));
}

/** Take what follows 38 or 48 from `codes`; return the colour, or null when it is none. */
function extended(codes) {
  const kind = codes.shift();
  const parts = codes.splice(0, { 2: 3, 5: 1 }[kind] || 0);
  if (!parts.length || parts.some((part) => part > 255)) return null;
  if (kind === 5) return paletteColour(parts[0]);
  return parts.length === 3 ? rgb(parts) : null;
}

/** Return how text looks after a sequence of codes, "1;31", when it looked like `style` before. */
export function after(style, sequence) {
  const codes = sequence.split(";").map(Number);
  let { fg, bg, reverse, decorations } = style;
  while (codes.length) {
    const code = codes.shift();
    const ended = ENDS[code] || (BEGINS[code] ? [BEGINS[code]] : []);
    decorations = decorations.filter((each) => !ended.includes(each));
    if (BEGINS[code]) decorations.push(BEGINS[code]);
    else if (code === 0) ({ fg, bg, reverse, decorations } = PLAIN);
    else if (code === 7 || code === 27) reverse = code === 7;
    else if (code === 38) fg = extended(codes);
    else if (code === 48) bg = extended(codes);
    else if (code === 39) fg = null;
    else if (code === 49) bg = null;
    else if (code >= 30 && code < 38) fg = named(code - 30);
    else if (code >= 40 && code < 48) bg = named(code - 40);
    else if (code >= 90 && code < 98) fg = named(code - 82);
    else if (code >= 100 && code < 108) bg = named(code - 92);
  }
  return { fg, bg, reverse, decorations };
}
