import { z } from "zod";
import { JobdError, show } from "../../domain/errors.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import { iso, namespaceView } from "../views.ts";
import { type Operation, operation } from "./operation.ts";
import { instant, name } from "./schemas/common.ts";

const namespace = z.object({ name: z.string(), queues: z.int(), createdAt: instant }).meta({
  id: "Namespace",
});
const one = z.strictObject({ name });

/** Tenants. */
export const NAMESPACE_OPERATIONS: readonly Operation[] = [
  operation({
    name: "namespaces.list",
    summary: "Namespaces that have queues",
    role: "admin",
    http: { method: "get", path: "/namespaces" },
    tool: "list_namespaces",
    input: z.strictObject({}),
    output: z.object({ items: z.array(namespace) }),
    async run({ jobd, caller }) {
      const namespaces = (await jobd.namespaces.list()).filter(({ name }) => sees(caller, name));
      return { items: namespaces.map((one) => ({ ...one, createdAt: iso(one.createdAt) ?? "" })) };
    },
  }),
  operation({
    name: "namespaces.get",
    summary: "One namespace, with what is in it",
    role: "admin",
    http: { method: "get", path: "/namespaces/{name}" },
    tool: "get_namespace",
    input: one,
    output: namespace.extend({
      counts: z.record(z.string(), z.int()).meta({ description: "jobs by state, but for completed ones" }),
      capped: z.array(z.string()).meta({ description: "states of which there may be more" }),
      schedules: z.int(),
    }),
    async run({ jobd, caller }, { name }) {
      checkSees(caller, name);
      return namespaceView(await jobd.namespaces.get(name));
    },
  }),
  operation({
    name: "namespaces.create",
    summary: "Create a namespace before its first job does",
    role: "admin",
    http: { method: "post", path: "/namespaces", status: 201 },
    tool: "create_namespace",
    input: one,
    output: namespace,
    async run({ jobd, caller }, { name }) {
      checkSees(caller, name);
      const made = await jobd.namespaces.create(name);
      return { ...made, createdAt: iso(made.createdAt) ?? "" };
    },
  }),
  operation({
    name: "namespaces.delete",
    summary: "Remove a namespace",
    details:
      "One that has jobs, schedules or tokens needs `force`: running jobs are told to stop, and all of it goes.",
    role: "admin",
    http: { method: "delete", path: "/namespaces/{name}" },
    tool: "delete_namespace",
    sweeping: true,
    destructive: true,
    input: z.strictObject({ name, force: z.boolean().default(false) }),
    output: z.object({
      deleted: z.int().meta({ description: "jobs that were deleted with it" }),
      queues: z.array(z.string()),
      schedules: z.array(z.string()),
      tokens: z.array(z.string()).meta({ description: "names of its tokens, which are revoked" }),
    }),
    async run({ jobd, caller }, { name, force }) {
      checkSees(caller, name);
      return await jobd.namespaces.delete(name, { force });
    },
  }),
];

/** Whether a token is for all tenants, or for this one. */
function sees(caller: TokenView | undefined, name: string): boolean {
  return (caller?.namespace ?? name) === name;
}

/** @throws {JobdError} `not_found`: whoever has a token for one tenant learns nothing of others */
function checkSees(caller: TokenView | undefined, name: string): void {
  if (sees(caller, name)) return;
  throw new JobdError("not_found", `There is no namespace ${show(name)}`, {
    hint: `This token is for namespace ${show(caller?.namespace)} only.`,
  });
}
