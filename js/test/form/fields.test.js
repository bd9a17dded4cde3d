import assert from "node:assert/strict";
import test from "node:test";
import { textValue } from "../../src/form/fields.js";

test("lists are read by line or comma, arguments by line alone", () => {
  const said = (kind, text) => textValue(kind, text, { untouched: "as it was" });
  assert.deepEqual(said("list", " a.jar, b.jar\n\nc.jar "), ["a.jar", "b.jar", "c.jar"]);
  assert.deepEqual(said("args", "one, two\n\n three\n"), ["one, two", "", " three"]);
  assert.equal(said("list", " \n"), null);
  assert.equal(said("args", ""), null);
  assert.equal(said("size", " 2g "), "2g");
});

test("a text that was not touched says what it was given, though it cannot show it", () => {
  for (const given of [["two\nlines", "x"], ["x", ""], [""], ["a,b"]]) {
    const untouched = given.join("\n");
    assert.equal(textValue("args", untouched, { untouched, given }), given);
    assert.equal(textValue("list", untouched, { untouched, given }), given);
  }
  assert.equal(textValue("count", "4", { untouched: "4", given: 4 }), 4);
  assert.equal(textValue("text", " x ", { untouched: " x ", given: " x " }), " x ");
  assert.equal(textValue("args", "", { untouched: "", given: undefined }), null);
  assert.deepEqual(textValue("args", "x\ny", { untouched: "x", given: ["x"] }), ["x", "y"]);
});
