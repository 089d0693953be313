import type { z } from "zod";
import { DEFAULT_QUEUE } from "../../domain/names.ts";
import { payloadType } from "../../domain/request.ts";
import { uuidOf } from "../../domain/uuid.ts";
import type { Enqueued } from "../../runtime/enqueued.ts";
import type { Call, Touched } from "./operation.ts";
import type { enqueued } from "./schemas/job.ts";

/** Jobs of one request at most. */
export const BULK_MAX = 10_000;

/** What became of a request for a job. */
export function enqueuedView({ id, outcome, state, displaced }: Enqueued): z.input<typeof enqueued> {
  return { id, outcome, state, ...(displaced === undefined ? {} : { displaced }) };
}

/** The id of a job whose request has an idempotency key: the same for the same key. */
export function keyed({ jobd, idempotencyKey }: Call, at: number): { id?: string } {
  if (idempotencyKey === undefined) return {};
  return { id: uuidOf(`${jobd.namespace}\n${at}\n${idempotencyKey}`) };
}

/** What a request for a job touches. */
export function touched(
  { queue = DEFAULT_QUEUE, type, payload }: {
    queue?: string | undefined;
    type?: string | undefined;
    payload?: unknown;
  },
): Touched {
  return { queue, type: type ?? payloadType(payload) };
}
