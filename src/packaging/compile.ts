// `deno task compile [FILE]`: builds jobd as one executable file, dist/jobd unless another is named.
import { dirname } from "node:path";
import { executable } from "./executable.ts";
import { program } from "./program.ts";

const target = Deno.args[0] ?? "dist/jobd";
const bytes = executable(await program());
await Deno.mkdir(dirname(target), { recursive: true });
await Deno.writeFile(target, bytes, { mode: 0o755 });
