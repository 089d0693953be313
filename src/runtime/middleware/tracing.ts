import { messageOf } from "../../domain/errors.ts";
import { Directive, type Middleware } from "../handler.ts";

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
}

/** The part of an OpenTelemetry tracer that {@linkcode tracing} uses. */
export interface Tracer {
  /** Runs the function within a new span. */
  startActiveSpan<T>(
    name: string,
    options: { kind?: number; attributes?: Record<string, string | number> },
    run: (span: Span) => T,
  ): T;
}

/** `SpanKind.CONSUMER` and `SpanStatusCode.ERROR` of OpenTelemetry. */
const CONSUMER = 4;
const ERROR = 2;

/**
 * A span around each run, by any OpenTelemetry tracer, such as `trace.getTracer("mails")` of `npm:@opentelemetry/api`. Names
 * of attributes are those of the semantic conventions for messaging.
 */
export function tracing(tracer: Tracer): Middleware {
  return (job, _context, next) => {
    const attributes = {
      "messaging.system": "jobd",
      "messaging.operation.type": "process",
      "messaging.destination.name": job.queue,
      "messaging.message.id": job.id,
      "jobd.job.type": job.type,
      "jobd.job.attempt": job.attempt,
    };
    return tracer.startActiveSpan(`process ${job.type}`, { kind: CONSUMER, attributes }, async (span) => {
      try {
        const given = await next();
        note(span, given);
        return given;
      } catch (thrown) {
        note(span, thrown);
        if (!(thrown instanceof Directive)) {
          span.recordException(thrown instanceof Error ? thrown : messageOf(thrown));
          span.setStatus({ code: ERROR, message: messageOf(thrown) });
        }
        throw thrown;
      } finally {
        span.end();
      }
    });
  };
}

function note(span: Span, given: unknown): void {
  if (!(given instanceof Directive)) return;
  const { outcome } = given;
  span.setAttribute("jobd.job.outcome", outcome.kind);
  if (outcome.kind === "failed") span.setStatus({ code: ERROR, message: outcome.error.message });
}
