import { z } from "zod";
import { EVENT_PATTERNS, type EventPattern } from "../../domain/event.ts";
import type { EventsOptions } from "../../runtime/events/watching.ts";
import { eventView } from "../views.ts";
import { given } from "./filters.ts";
import { type Call, type Operation, operation, type StreamItem } from "./operation.ts";
import { texts } from "./schemas/common.ts";

const event = z.looseObject({ id: z.int(), kind: z.string(), at: z.string(), namespace: z.string() })
  .meta({ id: "Event" });

const after = z.int().min(0).optional().meta({
  description: "first those after the event with this id that are still stored; 0 for all. The header " +
    "Last-Event-ID says the same",
});

/** Why agents have no streams. */
const NO_END =
  "a call of a tool has one answer, and a stream has no end: wait_for_job waits, lists tell how things stand";

/** Events as they come. */
export const EVENT_OPERATIONS: readonly Operation[] = [
  operation({
    name: "events.stream",
    summary: "Events as they happen",
    details: "A reader that is too slow loses the oldest ones and is told so by an event `gap`.",
    role: "read",
    http: { method: "get", path: "/events" },
    noTool: NO_END,
    input: z.strictObject({
      topics: z.union([z.array(z.enum(EVENT_PATTERNS)), z.enum(EVENT_PATTERNS)]).default("*"),
      queue: texts.optional(),
      type: texts.optional(),
      jobId: texts.optional(),
      schedule: texts.optional(),
      after,
    }),
    output: event,
    stream: (call, { topics, ...rest }) => events(call, { kinds: topics, ...given(rest) }),
  }),
  operation({
    name: "schedules.events",
    summary: "Ticks of schedules as they happen, and what becomes of them",
    role: "read",
    http: { method: "get", path: "/schedules/events" },
    noTool: NO_END,
    input: z.strictObject({ schedule: texts.optional(), after }),
    output: event,
    stream: (call, rest) => events(call, { kinds: "schedule.*", ...given(rest) }),
  }),
];

async function* events(
  { jobd, signal }: Call,
  options: EventsOptions<EventPattern>,
): AsyncGenerator<StreamItem> {
  const stream = jobd.events({ ...options, signal });
  let dropped = 0;
  for await (const one of stream) {
    if (stream.dropped > dropped) {
      yield { event: "gap", data: { dropped: stream.dropped - dropped } };
      dropped = stream.dropped;
    }
    yield { id: String(one.id), event: one.kind, data: eventView(one) };
  }
}
