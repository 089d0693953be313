import type { Session, ToolCall } from "./session.ts";
import { namesFrom } from "./resources.ts";

/** Suggestions at most, as the protocol has it. */
const MOST = 100;

/** For what there are suggestions, and which tool has them: by the argument, and where it is an id or name of what. */
const SOURCES: readonly { of: RegExp; argument: string; tool: string }[] = [
  { of: /^jobd:\/\/queues\//, argument: "name", tool: "list_queues" },
  { of: /^jobd:\/\/schedules\//, argument: "name", tool: "list_schedules" },
  { of: /^jobd:\/\/jobs\//, argument: "id", tool: "list_jobs" },
  { of: /^explain_failed_job$/, argument: "id", tool: "list_dlq" },
  { of: /^triage_dead_letters$/, argument: "queue", tool: "list_queues" },
];

/** What is being typed, and where. */
export interface Completed {
  /** The prompt or the address. */
  ref: { type: "ref/prompt"; name: string } | { type: "ref/resource"; uri: string };
  /** Its argument. */
  argument: { name: string; value: string };
}

/** What an argument of a prompt or a field of an address may be. */
export async function completionOf(
  session: Session,
  { ref, argument }: Completed,
  call: ToolCall,
): Promise<{ values: string[]; total: number; hasMore: boolean }> {
  const of = ref.type === "ref/prompt" ? ref.name : ref.uri;
  const source = SOURCES.find((one) => one.argument === argument.name && one.of.test(of));
  const names = source === undefined ? [] : await namesFrom(session, source.tool, call);
  const values = names.filter((name) => name.startsWith(argument.value));
  return { values: values.slice(0, MOST), total: values.length, hasMore: values.length > MOST };
}
