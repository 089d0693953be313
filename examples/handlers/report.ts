// deno-lint-ignore-file no-console
// jobd worker --handlers 'examples/handlers/*.ts'
// jobd enqueue report.build --payload '{"folder":"docs"}' --follow
import { defineJob } from "@jobd/jobd";
import { z } from "zod";

/** It may read one folder and nothing else, so it runs in a process of its own, which can be killed. */
export const buildReport = defineJob({
  type: "report.build",
  payload: z.object({ folder: z.string() }),
  permissions: { read: ["docs"] },
  isolate: { memoryMb: 128 },
  run: async ({ payload }, { signal, progress }) => {
    let [files, bytes] = [0, 0];
    for await (const { name, isFile } of Deno.readDir(payload.folder)) {
      signal.throwIfAborted();
      if (!isFile) continue;
      bytes += (await Deno.stat(`${payload.folder}/${name}`)).size;
      progress({ files: ++files });
    }
    console.log(`${files} files`);
    return { files, bytes };
  },
});

/** Numbers that take long must not keep the worker from its other jobs: no rights, but a process of its own. */
export const countPrimes = defineJob<{ below: number }>({
  type: "primes.count",
  isolate: true,
  timeout: "30s",
  run: ({ payload: { below } }) => {
    let count = 0;
    for (let n = 2; n < below; n++) {
      let prime = true;
      for (let by = 2; prime && by * by <= n; by++) prime = n % by !== 0;
      if (prime) count++;
    }
    return count;
  },
});
