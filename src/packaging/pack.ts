// `deno task pack [FILE]`: makes the package for npm, dist/jobd-VERSION.tgz unless another is named.
import { dirname } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { npmPackage } from "./npm.ts";

const target = Deno.args[0] ?? `dist/jobd-${config.version}.tgz`;
const bytes = await npmPackage();
await Deno.mkdir(dirname(target), { recursive: true });
await Deno.writeFile(target, bytes);
