import assert from "node:assert/strict";
import { test } from "node:test";
import { marked, pattern, pieces, plain } from "../../src/log/ansi.js";

const ESC = "\u001b";
const text = (parts) => parts.map((part) => part.text).join("");

test("colours become classes, and only what has a class or a colour of its own is told", () => {
  assert.deepEqual(pieces(`a ${ESC}[31mred ${ESC}[1mbold${ESC}[0m b`), [
    { text: "a ", classes: [] },
    { text: "red ", classes: ["ansi-red-fg"] },
    { text: "bold", classes: ["ansi-bold", "ansi-red-fg"] },
    { text: " b", classes: [] },
  ]);
  assert.deepEqual(pieces(`${ESC}[97;44mx`), [{ text: "x", classes: ["ansi-bright-white-fg", "ansi-blue-bg"] }]);
});

test("the palette and true colours are checked, and what is out of range is no colour", () => {
  assert.deepEqual(pieces(`${ESC}[38;5;208mx`), [{ text: "x", classes: ["ansi-fg"], fg: "rgb(255 135 0)" }]);
  assert.deepEqual(pieces(`${ESC}[48;5;255mx`), [{ text: "x", classes: ["ansi-bg"], bg: "rgb(238 238 238)" }]);
  assert.deepEqual(pieces(`${ESC}[38;5;9mx`), [{ text: "x", classes: ["ansi-bright-red-fg"] }]);
  assert.deepEqual(pieces(`${ESC}[38;2;1;2;3mx`), [{ text: "x", classes: ["ansi-fg"], fg: "rgb(1 2 3)" }]);
  assert.deepEqual(pieces(`${ESC}[38;2;256;2;3mx`), [{ text: "x", classes: [] }]);
  assert.deepEqual(pieces(`${ESC}[38;5;256mx`), [{ text: "x", classes: [] }]);
});

test("what begins ends by its own code, by another's, or with all", () => {
  const last = (codes) => pieces(`${codes.map((code) => `${ESC}[${code}m`).join("")}x`)[0].classes;
  assert.deepEqual(last(["1;2;3;4;9"]), ["ansi-bold", "ansi-dim", "ansi-italic", "ansi-underline", "ansi-strikethrough"]);
  assert.deepEqual(last(["1;3;31", "22"]), ["ansi-italic", "ansi-red-fg"]);
  assert.deepEqual(last(["1;31;42", "39"]), ["ansi-bold", "ansi-green-bg"]);
  assert.deepEqual(last(["31;42", "49"]), ["ansi-red-fg"]);
  assert.deepEqual(last(["31;42;7"]), ["ansi-green-fg", "ansi-red-bg"]);
  assert.deepEqual(last(["31;7", "27"]), ["ansi-red-fg"]);
  assert.deepEqual(last(["1;31;44;7", ""]), []);
  assert.deepEqual(last(["107;92"]), ["ansi-bright-green-fg", "ansi-bright-white-bg"]);
  assert.deepEqual(last(["38;5;1;1"]), ["ansi-bold", "ansi-red-fg"]);
});

test("a colour that is over leaves no true colour behind", () => {
  assert.deepEqual(pieces(`${ESC}[38;2;1;2;3mx${ESC}[32my`)[1], { text: "y", classes: ["ansi-green-fg"] });
});

test("each line is read for itself", () => {
  pieces(`${ESC}[31mred`);
  assert.deepEqual(pieces(`${ESC}[1mx`), [{ text: "x", classes: ["ansi-bold"] }]);
});

test("what is no colour is harmless and visible", () => {
  const nasty = `a${ESC}[2Jb${ESC}]8;;javascript:alert(1)\u0007c\u0000\u202ed\r${ESC}e${ESC}[3`;
  const shown = text(pieces(nasty));
  assert.match(shown, /^a\ufffdb\ufffd\]8;;javascript:alert\(1\)\ufffdc\ufffd\ufffdd\ufffd\ufffde\ufffd$/);
  assert.equal(text(pieces("<img src=x onerror=alert(1)>")), "<img src=x onerror=alert(1)>");
  assert.equal(text(pieces("\ttab, 日本語, 🎉")), "\ttab, 日本語, 🎉");
});

test("a line of a megabyte and one of 100,000 colours are cut", () => {
  assert.equal(text(pieces("x".repeat(1_000_000))).length, 4000);
  const parts = pieces(`${ESC}[31mr${ESC}[0mn`.repeat(50_000));
  assert.ok(parts.length <= 201);
  assert.match(text(parts), /^(rn)+/);
  assert.ok(!text(parts).includes("["));
});

test("plain leaves the colours out", () => {
  assert.equal(plain(`${ESC}[1;31mERROR${ESC}[0m x`), "ERROR x");
});

const hits = (line, query, matchCase = false) =>
  marked(pieces(line), pattern(query, matchCase)).filter((part) => part.hit).map((part) => part.text);

test("hits are marked as they stand there", () => {
  assert.deepEqual(hits("Error, error, ERROR", "error"), ["Error", "error", "ERROR"]);
  assert.deepEqual(hits("Error, error, ERROR", "error", true), ["error"]);
  assert.deepEqual(hits("a.c abc", "a.c"), ["a.c"]);
  assert.deepEqual(hits("nothing", "(["), []);
  assert.deepEqual(hits("anything", ""), []);
});

test("hits that touch and hits over colours are whole, and no character is lost", () => {
  const line = `ab${ESC}[31mab${ESC}[0m a${ESC}[1mb`;
  const parts = marked(pieces(line), pattern("ab", true));
  assert.equal(text(parts), "abab ab");
  assert.equal(text(parts.filter((part) => part.hit)), "ababab");
  assert.ok(parts.every((part) => part.text));
  assert.deepEqual(parts.filter((part) => part.hit).at(-1).classes, ["ansi-bold"]);
});

test("a line full of hits has a limit", () => {
  assert.ok(hits("x ".repeat(2_000), "x").length <= 200);
});
