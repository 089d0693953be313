// A file of handlers that only Deno can run.
import { defineJob } from "@jobd/jobd";

export const own = defineJob({ type: "own", isolate: true, run: () => "in a process of its own" });
