// The map in README.md is the order of the sources: a file imports only files that stand above it, so there is no cycle.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { build } from "esbuild";

const here = fileURLToPath(new URL("..", import.meta.url));

/** Return the files that the map names, from "src/" on, in its order. */
function mapped() {
  const [, table] = readFileSync(`${here}/README.md`, "utf8").split("\n## The map\n");
  const files = [];
  let folder;
  for (const [, cell] of table.split("\n## ")[0].matchAll(/^\| ([^|]*`[^|]*) \|/gm)) {
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    if (names[0].endsWith("/")) folder = names[0] === "src/" ? "src/" : `src/${names[0]}`;
    else files.push(...names.map((name) => folder + name));
  }
  return files;
}

const order = mapped();
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: order,
  bundle: true,
  format: "esm",
  outdir: "unwritten",
  write: false,
  metafile: true,
  external: ["anser"],
});

test("the map names every file of the sources once", () => {
  const files = readdirSync(`${here}/src`, { recursive: true }).filter((name) => /\.\w+$/.test(name));
  assert.deepEqual([...order].sort(), files.map((name) => `src/${name}`).sort());
});

for (const [place, file] of order.entries()) {
  test(`${file} imports only files above it`, () => {
    const imported = metafile.inputs[file].imports.filter((each) => !each.external).map((each) => each.path);
    assert.deepEqual(imported.filter((each) => !order.slice(0, place).includes(each)), []);
  });
}
