import { z } from "zod";
import { ROLES } from "../../domain/role.ts";
import { JOB_STATES } from "../../domain/states.ts";
import { iso } from "../views.ts";
import { type Operation, operation } from "./operation.ts";
import { instant } from "./schemas/common.ts";

const names = z.array(z.string()).nullable();

/** About those who call, and about what there is. */
export const ABOUT_OPERATIONS: readonly Operation[] = [
  operation({
    name: "me.get",
    summary: "Who the token says that you are, and what you may do",
    role: "any",
    http: { method: "get", path: "/me" },
    tool: "get_me",
    input: z.strictObject({}),
    output: z.object({
      token: z.string().nullable().meta({ description: "its id; null where no token is needed" }),
      name: z.string().nullable(),
      role: z.enum(ROLES),
      namespace: z.string().meta({ description: "the tenant of this request" }),
      allNamespaces: z.boolean().meta({ description: "whether `Jobd-Namespace` may name any tenant" }),
      queues: names.meta({ description: "the only queues that it is for; null for all" }),
      types: names.meta({ description: "the only types that it is for; null for all" }),
      expiresAt: instant.nullable(),
    }),
    run: ({ jobd, caller }) =>
      Promise.resolve({
        token: caller?.id ?? null,
        name: caller?.name ?? null,
        role: caller?.role ?? "admin",
        namespace: jobd.namespace,
        allNamespaces: (caller?.namespace ?? null) === null,
        queues: caller?.queues ?? null,
        types: caller?.types ?? null,
        expiresAt: iso(caller?.expiresAt ?? null),
      }),
  }),
  operation({
    name: "types.list",
    summary: "Types of jobs, with counts of their jobs, ended runs of the last day, and workers",
    role: "read",
    http: { method: "get", path: "/types" },
    tool: "list_types",
    input: z.strictObject({}),
    output: z.object({
      items: z.array(
        z.object({
          type: z.string(),
          jobs: z.array(z.object({
            state: z.enum(JOB_STATES),
            count: z.int(),
            capped: z.boolean().meta({ description: "there may be more" }),
          })),
          workers: z.int().meta({ description: "workers that name this type" }),
          ended: z.record(z.string(), z.int()).meta({ description: "runs of the last day by outcome" }),
        }).meta({ id: "Type" }),
      ),
    }),
    run: async ({ jobd }) => ({ items: await jobd.types.list() }),
  }),
];
