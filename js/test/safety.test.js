// Text from a server is text: nothing in this panel can turn it into markup or code.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const BANNED =
  /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc|\beval\b|\bFunction\s*\(|\bimport\s*\(/;
const folder = new URL("../src/", import.meta.url);

for (const name of readdirSync(folder, { recursive: true }).filter((each) => each.endsWith(".js"))) {
  test(`${name} makes no markup and no code of text`, () => {
    const found = readFileSync(new URL(name, folder), "utf8")
      .split("\n")
      .filter((line) => BANNED.test(line));
    assert.deepEqual(found, []);
  });
}
