import assert from "node:assert/strict";
import test from "node:test";
import { webAddress } from "../../src/dom/elements.js";

test("only addresses of the web become links", () => {
  assert.equal(webAddress("https://host:4040/x"), "https://host:4040/x");
  for (const bad of [
    "javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "//host",
    "",
    null,
  ])
    assert.equal(webAddress(bad), "");
});
