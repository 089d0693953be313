import { z } from "zod";
import { SURFACES } from "../../domain/audit.ts";
import { ROLES } from "../../domain/role.ts";
import { auditView } from "../audit_view.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { cursor, instant, json, limit, page, time } from "./schemas/common.ts";

const nullable = z.string().nullable();

const entry = z.object({
  id: z.int(),
  at: instant,
  namespace: z.string(),
  operation: z.string().meta({ description: "what: `jobs.cancel`, `queues.update`" }),
  outcome: z.string().meta({ description: "`done`, or the code of the error" }),
  surface: z.enum(SURFACES),
  token: nullable.meta({ description: "the id of the token" }),
  name: nullable.meta({ description: "what the token is for, the user of the machine, or a program's name" }),
  role: z.enum(ROLES).nullable(),
  address: nullable,
  requestId: nullable,
  input: json.meta({ description: "ids, filters and settings by name, without data of jobs" }),
  before: json.meta({
    description: "what was there before, where one thing was changed or removed; else null",
  }),
  result: z.record(z.string(), z.union([z.number(), z.string()])),
  error: nullable,
}).meta({ id: "AuditEntry" });

/** What operators have done. */
export const AUDIT_OPERATIONS: readonly Operation[] = [
  operation({
    name: "audit.list",
    summary: "What operators have done, newest first: who, what, when, from where, and what came of it",
    role: "admin",
    http: { method: "get", path: "/audit" },
    tool: "list_audit",
    input: z.strictObject({
      operation: z.string().optional().meta({
        description: "`jobs.cancel`, or all that begin so: `queues.*`",
      }),
      actor: z.string().optional().meta({ description: "the id of a token, or a name" }),
      surface: z.enum(SURFACES).optional(),
      done: z.boolean().optional().meta({ description: "what was done, or what was refused or failed" }),
      requestId: z.string().optional(),
      from: time.optional(),
      to: time.optional(),
      limit,
      cursor,
    }),
    output: page(entry),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.audit.page(given(input));
      return { items: items.map(auditView), ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  }),
];
