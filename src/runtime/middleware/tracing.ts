import { messageOf } from "../../domain/errors.ts";
import { withHeaders } from "../../domain/headers.ts";
import type { Job } from "../../domain/job.ts";
import { redactionOf } from "../../domain/redaction.ts";
import type { JobRequest } from "../../domain/request.ts";
import { type EnqueueOptions, isDefinition, type JobDefinition } from "../definition.ts";
import { Directive, type EnqueueFollowUp, type Middleware, type RunContext } from "../handler.ts";
import { changed } from "./layers.ts";
import { readTraceContext, type SpanContext, traceHeaders } from "./trace_context.ts";

/** The part of an OpenTelemetry span that {@linkcode tracing} uses. */
export interface Span {
  /** Adds a fact. */
  setAttribute(key: string, value: string | number): unknown;
  /** Notes an error. */
  recordException(error: Error | string): void;
  /** How it ended; code 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** It is over. */
  end(): void;
  /** What names it elsewhere. */
  spanContext?(): SpanContext;
}

/** The part of an OpenTelemetry tracer that {@linkcode tracing} uses. */
export interface Tracer {
  /** Runs the function within a new span. */
  startActiveSpan<T>(
    name: string,
    options: {
      kind?: number;
      attributes?: Record<string, string | number>;
      links?: { context: SpanContext & { isRemote?: boolean } }[];
    },
    run: (span: Span) => T,
  ): T;
}

/** `SpanKind.CONSUMER` and `SpanStatusCode.ERROR` of OpenTelemetry. */
const CONSUMER = 4;
const ERROR = 2;

/**
 * A span around each run, by any OpenTelemetry tracer, such as `trace.getTracer("mails")` of `npm:@opentelemetry/api`. Names
 * of attributes are those of the semantic conventions for messaging. The span is linked to the one that the job's header
 * `traceparent` names, and jobs that the handler enqueues with its end get that header for this span, unless they have one.
 */
export function tracing(tracer: Tracer): Middleware {
  return (job, context, next) => {
    const attributes = {
      "messaging.system": "jobd",
      "messaging.operation.type": "process",
      "messaging.destination.name": job.queue,
      "messaging.message.id": job.id,
      "jobd.job.type": job.type,
      "jobd.job.attempt": job.attempt,
    };
    const origin = readTraceContext(job.options.headers);
    const links = origin === undefined ? [] : [{ context: { ...origin, isRemote: true } }];
    const options = { kind: CONSUMER, attributes, links };
    return tracer.startActiveSpan(`process ${job.type}`, options, async (span) => {
      try {
        const given = await next(traced(context, span.spanContext?.()));
        note(span, given, job);
        return given;
      } catch (thrown) {
        note(span, thrown, job);
        if (!(thrown instanceof Directive)) {
          const error = shown(thrown, job);
          span.recordException(error);
          span.setStatus({ code: ERROR, message: messageOf(error) });
        }
        throw thrown;
      } finally {
        span.end();
      }
    });
  };
}

function note(span: Span, given: unknown, job: Job): void {
  if (!(given instanceof Directive)) return;
  const { outcome } = given;
  span.setAttribute("jobd.job.outcome", outcome.kind);
  if (outcome.kind !== "failed") return;
  const { message } = outcome.error;
  span.setStatus({ code: ERROR, message: redactionOf(job)?.text(message) ?? message });
}

/** What was thrown, without values of the job that nobody may see. */
function shown(thrown: unknown, job: Job): Error | string {
  const redaction = redactionOf(job);
  if (!(thrown instanceof Error)) return redaction?.text(messageOf(thrown)) ?? messageOf(thrown);
  if (redaction === undefined) return thrown;
  const error = new Error(redaction.text(thrown.message));
  error.name = redaction.text(thrown.name);
  error.stack = redaction.text(thrown.stack ?? "");
  return error;
}

/** A context whose follow-ups say which span they come from. */
function traced(context: RunContext, span: SpanContext | undefined): RunContext {
  if (span === undefined) return context;
  const own = traceHeaders(span);
  const enqueue = (
    job: JobDefinition | JobRequest,
    payload?: unknown,
    options: EnqueueOptions = {},
  ): ReturnType<EnqueueFollowUp> =>
    isDefinition(job)
      ? context.enqueue(job, payload, { ...options, headers: withHeaders(own, options.headers) })
      : context.enqueue({ ...job, headers: withHeaders(own, job.headers) });
  return changed(context, { enqueue });
}
