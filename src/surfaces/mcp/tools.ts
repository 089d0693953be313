import { z } from "zod";
import { allows } from "../../domain/role.ts";
import { covers } from "../../runtime/handlers/environment.ts";
import { VERSION } from "../cli/version.ts";
import { healthOf } from "../http/health.ts";
import { type Operation, operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";
import type { AgentRules, McpCaller } from "./context.ts";
import { holdsData, inputSchemaOf, type ObjectSchema, outputSchemaOf } from "./schemas.ts";

/** A tool as clients are told of it. */
export interface ToolView {
  [key: string]: unknown;
  /** Its name. */
  name: string;
  /** What it does. */
  description: string;
  /** What it takes. */
  inputSchema: ObjectSchema;
  /** What it gives. */
  outputSchema: ObjectSchema;
  /** What calling it may do. */
  annotations: Record<string, boolean | string>;
}

/** Something that agents can do. */
export interface Tool {
  /** Its name. */
  readonly name: string;
  /** What it does. */
  readonly operation: Operation;
  /** Whether its answers hold what jobs and their producers have written. */
  readonly untrusted: boolean;
  /** How clients are told of it. */
  readonly view: ToolView;
}

/** The one tool that is no operation of the API, which has an address of its own for it. */
const HEALTH = operation({
  name: "health.get",
  summary: "Whether jobd can do its work",
  role: "read",
  http: { method: "get", path: "/health" },
  tool: "health_check",
  input: z.strictObject({}),
  output: z.looseObject({ status: z.string(), version: z.string() }),
  run: async ({ jobd }) => await healthOf(jobd, VERSION),
});

/** All tools, by their names. */
export const TOOLS: ReadonlyMap<string, Tool> = new Map(
  [...OPERATIONS, HEALTH].flatMap((one) => one.tool === undefined ? [] : [[one.tool, toolOf(one, one.tool)]]),
);

function toolOf(operation: Operation, name: string): Tool {
  const { summary, details, http, destructive, idempotent } = operation;
  const title = name.replaceAll("_", " ").replaceAll("dlq", "dead letters");
  return {
    name,
    operation,
    untrusted: holdsData(operation),
    view: {
      name,
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      description: [`${summary}.`, details].filter(Boolean).join(" "),
      inputSchema: inputSchemaOf(operation),
      outputSchema: outputSchemaOf(operation),
      annotations: {
        readOnlyHint: http.method === "get",
        destructiveHint: destructive,
        idempotentHint: idempotent,
        openWorldHint: false,
      },
    },
  };
}

/** Why somebody does not have a tool; undefined when they have it. */
export function withheld(
  { name, operation: { role, destructive, sweeping } }: Tool,
  { token }: Pick<McpCaller, "token">,
  { destructive: allowed, tools }: AgentRules,
): string | undefined {
  if (role !== "any" && !allows(token.role, role)) {
    return `This token has the role ${token.role}; ${role} is needed`;
  }
  if (!covers(tools, name)) return "Agents do not have this tool here: see JOBD_MCP_TOOLS";
  if (destructive && (allowed === "none" || (sweeping && allowed !== "many"))) {
    return `Agents may not use ${name} here: JOBD_MCP_DESTRUCTIVE is ${allowed}`;
  }
  return undefined;
}
