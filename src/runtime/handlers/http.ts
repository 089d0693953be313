import { sleep } from "../../domain/clock.ts";
import { messageOf, show } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import { SecretText } from "../../domain/secret_text.ts";
import { type Directive, fail, type Handler, type RunContext } from "../handler.ts";
import { signWebhook } from "../webhook.ts";
import { destinationsOf, ForbiddenDestination, hostOf, type Resolve } from "./http/destination.ts";
import type { HttpConfig } from "./http/http_config.ts";
import { secretValues } from "./http/request_headers.ts";
import { BadHttpPayload, type HttpRequest, requestOf } from "./http/http_payload.ts";
import { type HttpRules, httpRules, type ReadVariable } from "./http/http_rules.ts";
import { verdict } from "./http/verdict.ts";

/** Options of {@linkcode httpHandler}. */
export interface HttpHandlerOptions {
  /** Finds the addresses of a host. @default as other programs on this machine do */
  resolve?: Resolve;
  /** Reads variables of the environment. @default the daemon's */
  variable?: ReadVariable;
  /** Certificates of authorities to trust instead of the usual ones, as PEM. */
  ca?: string;
}

/** Loaded with the first name: a daemon that sends nothing does without, and so does its start. */
const systemResolve: Resolve = async (host) => {
  const { lookup } = await import("node:dns/promises");
  return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
};

/**
 * The handler of type `http`: sends a request to where the configuration allows, signed as Standard Webhooks are. The
 * message has the job's id, in all attempts the same. Payload: `{ "target": name, "body": any }`, or `{ "url": address,
 * "method"?: name, "headers"?: {...}, "body": any }`.
 *
 * @throws {JobdError} `invalid_config` when the configuration is wrong.
 */
export function httpHandler(
  config: HttpConfig = {},
  { resolve = systemResolve, variable = (name) => Deno.env.get(name), ca }: HttpHandlerOptions = {},
): Handler {
  const rules = httpRules(config, variable);
  const sender = { rules, resolve, ...(ca === undefined ? {} : { ca }) };
  return {
    type: "http",
    async run(job, context) {
      try {
        return await exchange(job, context, requestOf(job.payload, rules), sender);
      } catch (error) {
        if (error instanceof BadHttpPayload) return permanent("bad_payload", error.message);
        if (error instanceof ForbiddenDestination) return permanent("forbidden_address", error.message);
        throw error;
      }
    },
  };
}

interface Sender {
  rules: HttpRules;
  resolve: Resolve;
  ca?: string;
}

/** One request with all that belongs to it, within its time. */
async function exchange(
  job: Job,
  context: RunContext,
  request: HttpRequest,
  sender: Sender,
): Promise<Json | Directive | void> {
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const late = sleep(context.clock, request.timeoutMs, signal).then(() => "late" as const);
  const sent = answered(job, context, request, { ...sender, signal }).catch((error: unknown) => {
    if (error instanceof BadHttpPayload || error instanceof ForbiddenDestination) throw error;
    return unreachable(request, error);
  });
  try {
    const first = await Promise.race([sent, late]);
    if (context.signal.aborted) return;
    return first === "late"
      ? fail({ code: "timeout", message: `No complete answer within ${request.timeoutMs} ms` })
      : first;
  } finally {
    over.abort();
    // A look-up of a name cannot be stopped: it ends by itself, and nothing follows from it.
    sent.catch(() => {});
  }
}

async function answered(
  job: Job,
  context: RunContext,
  { url, method, headers, body, secrets }: HttpRequest,
  { rules, resolve, ca, signal }: Sender & { signal: AbortSignal },
): Promise<Json | Directive> {
  const destinations = await destinationsOf(url, rules, resolve);
  const now = context.now();
  const message = { id: job.id, at: now, body: body ?? "" };
  const signed = secrets.length > 0 ? await signWebhook(message, secrets) : unsigned(message);
  const { send } = await import("./http/send.ts");
  const answer = await send({
    url,
    destinations,
    method,
    headers: {
      "user-agent": "jobd",
      accept: "application/json, text/*;q=0.9, */*;q=0.5",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
      ...signed,
      ...(body === undefined ? {} : { "content-length": String(new TextEncoder().encode(body).length) }),
    },
    body,
    maxResponse: rules.maxResponse,
    signal,
    ...(ca === undefined ? {} : { ca }),
  });
  context.log(`${method} ${url.origin}: ${answer.status}\n`, "system");
  return verdict(answer, {
    job,
    now: context.now(),
    rateLimitDelayMs: rules.rateLimitDelayMs,
    secrets: new SecretText([...secrets, ...secretValues(headers)]),
  });
}

/** Who cannot check signatures can still tell repeated messages apart from new ones. */
function unsigned({ id, at }: { id: string; at: number }): Record<string, string> {
  return { "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1_000)) };
}

function unreachable({ url }: HttpRequest, error: unknown): Directive {
  const code = (error as { code?: unknown } | null)?.code;
  const why = typeof code === "string" ? code : messageOf(error);
  return fail({ code: "unreachable", message: `No answer from ${show(hostOf(url))}: ${why}` });
}

function permanent(code: string, message: string): Directive {
  return fail({ code, message }, { permanent: true });
}
