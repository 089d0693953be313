import manifest from "../../deno.json" with { type: "json" };
import { type Driver, Jobd, type JobRequest } from "../../src/mod.ts";
import { openDriver } from "../../src/storage/open.ts";
import { measureIn } from "../harness/process.ts";
import type { OpenSubject, Payload, SubjectOptions } from "../harness/subject.ts";

/** One type of job: an in-process handler, with everything on that is on by default. */
const TYPE = "bench";

const open: OpenSubject = async ({ url, options }) => {
  const { pollOnly = false, pollIntervalMs, notify = true } = options;
  const jobd = await Jobd.open(pollOnly ? deaf(await openDriver(url)) : url, {
    migrate: true,
    notify: notify === true,
  });
  const request = requests(options);
  return {
    about: { name: "jobd", version: manifest.version, settings: options },
    chunk: 2_000,
    enqueue: (payload) => jobd.enqueue(request(payload)),
    enqueueMany: (payloads) => jobd.enqueueMany(payloads.map(request)),
    async work(concurrency, handle) {
      const worker = jobd.worker({
        handlers: [{ type: TYPE, run: (job) => handle(job.payload as Payload) }],
        concurrency,
        ...(pollIntervalMs === undefined ? {} : { pollIntervalMs: Number(pollIntervalMs) }),
      });
      await worker.start();
      return { settled: () => worker.stop() };
    },
  };
};

/** How a payload becomes a job: plain, or spread over queues and priorities, unique, or far in the future. */
function requests(options: SubjectOptions): (payload: Payload) => JobRequest {
  const { queues, priorities, unique, later } = options;
  return (payload) => ({
    type: TYPE,
    payload,
    ...(queues === undefined ? {} : { queue: `queue-${payload.n % Number(queues)}` }),
    ...(priorities === undefined ? {} : { priority: payload.n * 7 % Number(priorities) }),
    ...(unique ? { uniqueKey: `key-${payload.n}-${crypto.randomUUID()}` } : {}),
    ...(later ? { delay: "30d" } : {}),
  });
}

/** A store whose wake-up hints never arrive: what is left is polling. */
function deaf(driver: Driver): Driver {
  const listen: Driver["listen"] = () =>
    Promise.resolve({ live: false, [Symbol.asyncDispose]: () => Promise.resolve() });
  return new Proxy(driver, {
    get(target, name) {
      if (name === "listen") return listen;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

await measureIn(open);
