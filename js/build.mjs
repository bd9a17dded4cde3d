// Builds the panel: one ES module, one stylesheet and the licence of what is bundled with them, into
// livy_magic/panel/static or the folder that is given.
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] || join(here, "../livy_magic/panel/static");
const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: "es2022",
};

await build({ ...common, entryPoints: ["src/index.js"], format: "esm", outfile: join(target, "panel.js") });
await build({ ...common, entryPoints: ["src/index.css"], outfile: join(target, "panel.css") });
await cp(join(here, "node_modules/anser/LICENSE"), join(target, "anser-LICENSE.txt"));
