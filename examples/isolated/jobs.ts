import { defineJob } from "@jobd/jobd";

/** It may read one folder and nothing else. */
export const countFiles = defineJob<{ folder: string }>({
  type: "files.count",
  permissions: { read: ["examples/isolated"] },
  run: ({ payload }) => [...Deno.readDirSync(payload.folder)].length,
});

/** It never comes back; in a process of its own it can be ended all the same. */
export const loop = defineJob({
  type: "loop",
  isolate: { memoryMb: 64, grace: "100ms" },
  timeout: "1s",
  maxAttempts: 1,
  run: () => {
    for (;;);
  },
});
