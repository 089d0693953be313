import type { AuditedCall, Auditor } from "./auditor.ts";
import { before } from "./before.ts";

/**
 * What operators do, with the names of the arguments. What producers and workers do (enqueue, add to batches, claim, settle)
 * is not here: there may be thousands of that a second, and the jobs themselves tell of it.
 */
const OPERATIONS = {
  jobs: {
    cancel: ["which", "options"],
    retry: ["which", "options"],
    run: ["which", "options"],
    archive: ["which", "options"],
    delete: ["which", "options"],
    update: ["which", "change", "options"],
    act: ["action", "which", "options"],
    actAll: ["action", "which", "options"],
  },
  dead: { retry: ["which", "options"], delete: ["which", "options"], purge: ["options"] },
  queues: {
    create: ["name", "settings"],
    update: ["name", "settings"],
    pause: ["which"],
    resume: ["which"],
    drain: ["name", "options"],
    delete: ["name", "options"],
  },
  limits: { set: ["limit"], pause: ["limit"], resume: ["limit"], remove: ["limit"] },
  schedules: {
    create: ["name", "schedule"],
    update: ["name", "change"],
    pause: ["name"],
    resume: ["name"],
    run: ["name"],
    delete: ["name"],
    backfill: ["name", "options"],
  },
  batches: { cancel: ["batch"], retry: ["batch"] },
  groups: { run: ["which"], cancel: ["which"], retry: ["which"] },
  waits: { resume: ["wait", "value", "options"], complete: ["wait", "result"], fail: ["wait", "error"] },
  tokens: { create: ["name", "options"], revoke: ["id"] },
  namespaces: { create: ["name"], delete: ["name", "options"] },
} as const satisfies Record<string, Record<string, readonly string[]>>;

/** A part of jobd that operators use. */
export type AuditedArea = keyof typeof OPERATIONS;

/**
 * The same object, where calls that operators make are written down. Parts that use each other use the objects themselves, so
 * that what follows from an operation is not written as another one.
 */
export function audited<T extends object>(area: AuditedArea, object: T, auditor: Auditor): T {
  const operations: Readonly<Record<string, readonly string[]>> = OPERATIONS[area];
  return new Proxy(object, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const names = typeof name === "string" && Object.hasOwn(operations, name)
        ? operations[name]
        : undefined;
      // Methods reach the private parts of their object, which a proxy does not have.
      if (names === undefined) return member.bind(target);
      return (...args: unknown[]) => {
        const call = callOf(area, String(name), names, args);
        return auditor.watch(
          { ...call, before: () => before(call.operation, target, args) },
          () => member.apply(target, args),
        );
      };
    },
  });
}

/** One that is told by its first argument what to do is called by that. */
function callOf(area: string, name: string, names: readonly string[], args: readonly unknown[]): AuditedCall {
  if (names[0] !== "action") return { operation: `${area}.${name}`, names, args };
  return { operation: `${area}.${String(args[0])}`, names: names.slice(1), args: args.slice(1) };
}
