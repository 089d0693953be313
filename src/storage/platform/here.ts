import { deno } from "./deno.ts";
import { node } from "./node.ts";
import type { Platform } from "./platform.ts";

/** What runs this program. */
export const platform: Platform = "Deno" in globalThis ? deno : node("Bun" in globalThis ? "Bun" : "Node.js");
