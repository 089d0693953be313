import type { Headers } from "../../domain/headers.ts";

/** What names a span in another process, as the W3C Trace Context has it. */
export interface SpanContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  /** Bit 1: it is recorded. */
  traceFlags: number;
}

/** A zero is allowed nowhere: it means that there is no trace. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The span that headers name in `traceparent`; undefined when there is none, or no valid one. */
export function readTraceContext(headers: Headers | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(headers?.traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

/** The header that names a span; nothing for one that belongs to no trace. */
export function traceHeaders({ traceId, spanId, traceFlags }: SpanContext): Headers {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  return TRACEPARENT.test(traceparent) ? { traceparent } : {};
}
