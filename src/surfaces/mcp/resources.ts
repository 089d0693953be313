import { ResourceNotFoundError } from "@modelcontextprotocol/server";
import type { Session, ToolCall } from "./session.ts";
import { UNTRUSTED } from "./schemas.ts";
import { TOOLS } from "./tools.ts";

/** Something to read, by its address. */
interface Source {
  /** Its address; names in braces are fields of the tool. */
  uri: string;
  /** Its name. */
  name: string;
  /** What it is. */
  description: string;
  /** The tool that reads it. */
  tool: string;
  /** How it is shown. @default as the tool's answer */
  text?: (answer: Record<string, unknown>) => string;
}

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain";

/** Queues that are listed one by one. */
const LISTED = 100;

const SOURCES: readonly Source[] = [
  { uri: "jobd://queues", name: "queues", description: "all queues, with their counts", tool: "list_queues" },
  { uri: "jobd://dlq", name: "dead letters", description: "the latest dead letters", tool: "list_dlq" },
  { uri: "jobd://schedules", name: "schedules", description: "all schedules", tool: "list_schedules" },
  {
    uri: "jobd://stats",
    name: "statistics",
    description: "counts, and runs of the last hour",
    tool: "get_stats",
  },
  {
    uri: "jobd://jobs/{id}",
    name: "job",
    description: "a job, with payload, result and error",
    tool: "get_job",
  },
  {
    uri: "jobd://jobs/{id}/logs",
    name: "log",
    description: "what a job printed",
    tool: "get_job_logs",
    text: logText,
  },
  {
    uri: "jobd://jobs/{id}/executions",
    name: "executions",
    description: "the attempts of a job",
    tool: "get_job_executions",
  },
  {
    uri: "jobd://queues/{name}",
    name: "queue",
    description: "a queue, with its counts",
    tool: "get_queue_depth",
  },
  { uri: "jobd://schedules/{name}", name: "schedule", description: "a schedule", tool: "get_schedule" },
];

const isTemplate = ({ uri }: Source): boolean => uri.includes("{");

/** Addresses with fields. */
export const RESOURCE_TEMPLATES: readonly {
  uriTemplate: string;
  name: string;
  description: string;
  mimeType: string;
}[] = SOURCES.filter(isTemplate).map((source) => {
  const { uri, ...view } = viewOf(source);
  return { uriTemplate: uri, ...view };
});

/** What a resource holds. */
export interface ResourceText {
  /** Its address. */
  uri: string;
  /** Its kind. */
  mimeType: string;
  /** The text. */
  text: string;
}

/** What is there to be read: all queues by name among it, for as many as one can look through. */
export async function resourcesOf(session: Session, call: ToolCall): Promise<ReturnType<typeof viewOf>[]> {
  const fixed = SOURCES.filter((source) => !isTemplate(source) && session.has(source.tool)).map(viewOf);
  if (!session.has("list_queues")) return fixed;
  const names = (await namesFrom(session, "list_queues", call)).slice(0, LISTED);
  return [
    ...fixed,
    ...names.map((name) => ({
      uri: `jobd://queues/${encodeURIComponent(name)}`,
      name: `queue ${name}`,
      description: `queue ${name}, with its counts`,
      mimeType: JSON_TYPE,
    })),
  ];
}

/** Reads what is at an address. @throws {ResourceNotFoundError} when there can be nothing; whatever the tool throws */
export async function readResource(session: Session, uri: string, call: ToolCall): Promise<ResourceText> {
  for (const source of SOURCES) {
    const fields = fieldsOf(source.uri, uri);
    const tool = TOOLS.get(source.tool);
    if (fields === undefined || tool === undefined) continue;
    const answer = await session.call(tool, { ...call, fields });
    return { uri, mimeType: viewOf(source).mimeType, text: (source.text ?? asJson)(answer) };
  }
  throw new ResourceNotFoundError(
    uri.slice(0, 1_000).toWellFormed(),
    "There is nothing at this address: resources/list and resources/templates/list tell what there is",
  );
}

/** The names of everything that a tool lists. */
export async function namesFrom(session: Session, name: string, call: ToolCall): Promise<string[]> {
  const tool = TOOLS.get(name);
  if (tool === undefined || !session.has(name)) return [];
  const { items } = await session.call(tool, { ...call, fields: {} }) as {
    items: { name?: string; id?: string }[];
  };
  return items.flatMap(({ name, id }) => name ?? id ?? []);
}

function viewOf({ uri, name, description, text }: Source): {
  uri: string;
  name: string;
  description: string;
  mimeType: string;
} {
  return { uri, name, description, mimeType: text === undefined ? JSON_TYPE : TEXT_TYPE };
}

/** The fields of an address; undefined when it is not of this form. */
function fieldsOf(pattern: string, uri: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const parts = uri.split("/");
  if (parts.length !== wanted.length) return undefined;
  const fields: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const given = parts[at] ?? "";
    const [, field] = /^\{(\w+)\}$/.exec(part) ?? [];
    if (field === undefined && part !== given) return undefined;
    if (field === undefined) continue;
    const text = decoded(given);
    if (text === undefined || text === "") return undefined;
    fields[field] = text;
  }
  return fields;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function asJson(answer: Record<string, unknown>): string {
  return JSON.stringify(answer, null, 2);
}

/** A log as it was printed, below a line that says what it is. */
function logText(answer: Record<string, unknown>): string {
  const { items, truncated } = answer as { items: { text: string }[]; truncated?: string };
  const notes = truncated === undefined ? UNTRUSTED : `${UNTRUSTED} ${truncated}`;
  return `[${notes}]\n${items.map(({ text }) => text).join("")}`;
}
