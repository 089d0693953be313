// `deno run ... install.ts FOLDER`: puts jobd as FOLDER/jobd with all it needs beside it, for a container or a machine with
// many users. The folder stays where it is made and can be read-only.
import { dirname, join, resolve } from "node:path";
import { program } from "./program.ts";

const folder = resolve(Deno.args[0] ?? "dist/install");
const { flags, deno, files } = await program();
const libraries = join(folder, "lib");
const launcher = `#!/bin/sh
export DENO_NO_UPDATE_CHECK=1
exec ${libraries}/deno run ${
  flags.join(" ")
} --import-map=${libraries}/import_map.json ${libraries}/main.js "$@"
`;
for (const { name, content } of files) {
  await Deno.mkdir(dirname(join(libraries, name)), { recursive: true });
  await Deno.writeFile(join(libraries, name), content, { mode: 0o644 });
}
await Deno.writeFile(join(libraries, "deno"), deno, { mode: 0o755 });
await Deno.writeTextFile(join(folder, "jobd"), launcher, { mode: 0o755 });
