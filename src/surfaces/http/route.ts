import type { Clock } from "../../domain/clock.ts";
import { checkText } from "../../domain/text.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import type { Call, Operation } from "../operations/operation.ts";
import { BODY_MAX, BULK_BODY_MAX, readBody } from "./body.ts";
import { checkRole, checkScope, namespaceOf } from "./caller.ts";
import { eventStream, wantsStream } from "./event_stream.ts";
import { jsonAnswer } from "./headers.ts";
import { checkInput, queryFields } from "./input.ts";
import { lateAnswer } from "./late_answer.ts";
import { Refusal } from "./problem.ts";

/** What routes need. */
export interface RouteContext {
  /** The store as a tenant sees it. */
  jobdOf(namespace: string): Promise<Jobd>;
  /** The namespace of callers who name none. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** Aborted when the server stops: streams end then, and so does waiting for jobs. */
  stopping: AbortSignal;
}

/** A request for an operation. */
export interface RoutedRequest {
  /** The request. */
  request: Request;
  /** The fields in its path. */
  params: Record<string, string>;
  /** Who calls. */
  caller: TokenView;
  /** From where. */
  origin: Origin;
}

/** Where a request comes from. */
export interface Origin {
  /** The address of the other side; null where there is no network. */
  address(): string | null;
  /** Names the request in logs and answers. */
  requestId: string;
}

/** Answers requests for one operation. */
export function route(
  operation: Operation,
  context: RouteContext,
): (routed: RoutedRequest) => Promise<Response> {
  const inQuery = operation.http.method === "get" || operation.http.method === "delete";
  return async ({ request, params, caller, origin }) => {
    checkRole(caller, operation.role);
    const namespace = namespaceOf(request, caller, context.namespace);
    const fields = inQuery
      ? queryFields(request, operation)
      : await bodyFields(request, operation, context.clock);
    const input = checkInput(operation, { ...fields, ...params });
    checkScope(caller, operation.touches?.(input) ?? []);
    const jobd = actingAs(await context.jobdOf(namespace), operation, caller, origin);
    return await answer(operation, { ...callOf(request, jobd, context.stopping), caller }, input, {
      request,
      context,
    });
  };
}

/** The store for whoever calls: the audit log names them for what operators do. */
function actingAs(jobd: Jobd, { role, http }: Operation, caller: TokenView, origin: Origin): Jobd {
  if (http.method === "get" || (role !== "operate" && role !== "admin")) return jobd;
  const { id: token, name } = caller;
  const { requestId } = origin;
  return jobd.as({ surface: "http", token, name, role: caller.role, address: origin.address(), requestId });
}

async function answer(
  operation: Operation,
  call: Call,
  input: unknown,
  { request, context }: { request: Request; context: RouteContext },
): Promise<Response> {
  if (operation.stream !== undefined && (operation.run === undefined || wantsStream(request))) {
    if (!wantsStream(request)) {
      throw new Refusal("not_acceptable", "This is a stream: send `Accept: text/event-stream`");
    }
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, call.signal]);
    return eventStream(operation.stream({ ...call, signal }, input), { clock: context.clock, signal, gone });
  }
  const status = operation.http.status ?? 200;
  if (operation.late && operation.run !== undefined) {
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, call.signal]);
    return await lateAnswer(operation.run({ ...call, signal }, input), {
      clock: context.clock,
      status,
      gone,
    });
  }
  return jsonAnswer(await operation.run?.(call, input), status);
}

function callOf(request: Request, jobd: Jobd, stopping: AbortSignal): Call {
  const idempotencyKey = request.headers.get("idempotency-key");
  return {
    jobd,
    // The request's own signal fires after each answer, too, and the server complains of its use: who goes away while
    // waiting is noticed at the end of the wait.
    signal: stopping,
    ...(idempotencyKey === null ? {} : { idempotencyKey: checkText("idempotency key", idempotencyKey, 255) }),
  };
}

async function bodyFields(
  request: Request,
  operation: Operation,
  clock: Clock,
): Promise<Record<string, unknown>> {
  const maxBytes = operation.bulk ? BULK_BODY_MAX : BODY_MAX;
  return await readBody(request, { maxBytes, clock });
}
