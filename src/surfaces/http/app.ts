import { type Context, Hono } from "hono";
import type { Logger } from "../../runtime/logger.ts";
import { AGENT_RULES, type AgentRules } from "../mcp/context.ts";
import type { McpEndpoint } from "../mcp/http.ts";
import { OPERATIONS } from "../operations/table.ts";
import { callerOf, type TokenFinder } from "./caller.ts";
import { addBaseHeaders } from "./headers.ts";
import { healthOf } from "./health.ts";
import { HostGuard } from "./hosts.ts";
import { checkSize, Crowd } from "./limits.ts";
import { openApi } from "./openapi.ts";
import { DOCS_PAGE } from "./docs_page.ts";
import { toYaml } from "./yaml.ts";
import { faultText, isFault, problemResponse, Refusal } from "./problem.ts";
import { type Origin, route, type RouteContext } from "./route.ts";

/** What the HTTP surface needs. */
export interface AppOptions extends RouteContext {
  /** Finds tokens. */
  findToken: TokenFinder;
  /** Names under which it may be called besides those of this machine. */
  hosts: readonly string[];
  /** The program's version. */
  version: string;
  /** Where failures are told. */
  log: Logger;
  /** What agents may do. */
  rules?: AgentRules;
}

/** Below it are the operations. */
export const API = "/api/v1";

/** A request id of a caller is taken over if it is harmless in logs. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Answers one HTTP request; `address` gives that of the other side, which few requests need. Never rejects. */
export type Answer = (request: Request, address?: () => string) => Promise<Response>;

/** The HTTP surface: everything in the table of operations, and what a server needs besides. */
export function createApp(options: AppOptions): Answer {
  const guard = new HostGuard(options.hosts);
  const crowd = new Crowd();
  const app = routes(options);
  return async (request, address) => {
    const given = request.headers.get("x-request-id") ?? "";
    const requestId = REQUEST_ID.test(given) ? given : crypto.randomUUID();
    let response: Response;
    try {
      guard.check(request);
      checkSize(request);
      const origin: Origin = { address: () => address?.() ?? null, requestId };
      response = await crowd.answer(async () => await app.fetch(request, origin));
    } catch (error) {
      response = fail(error, request, requestId, options.log);
    }
    addBaseHeaders(response);
    response.headers.set("x-request-id", requestId);
    return response;
  };
}

function fail(error: unknown, request: Request, requestId: string, log: Logger): Response {
  if (isFault(error)) {
    const { pathname: path } = new URL(request.url);
    log.error("A request failed", { requestId, method: request.method, path, error: faultText(error) });
  }
  return problemResponse(error, requestId);
}

function routes(options: AppOptions): Hono<{ Bindings: Origin }> {
  const app = new Hono<{ Bindings: Origin }>();
  const caller = (c: Context) => callerOf(c.req.raw, options.findToken);
  let agents: Promise<McpEndpoint> | undefined;
  // Says only that the process lives, so it needs no token: who restarts processes has none.
  app.get("/livez", () => Response.json({ status: "ok" }));
  for (const path of ["/health", "/readyz"]) {
    app.get(path, async (c) => {
      await caller(c);
      const health = await healthOf(await options.jobdOf(options.namespace), options.version);
      return Response.json(health, { status: health.status === "ok" ? 200 : 503 });
    });
  }
  app.get(`${API}/openapi.json`, async (c) => {
    await caller(c);
    return Response.json(openApi(options.version));
  });
  app.get(`${API}/openapi.yaml`, async (c) => {
    await caller(c);
    return new Response(toYaml(openApi(options.version)), {
      headers: { "content-type": "application/yaml" },
    });
  });
  for (const [path, file] of Object.entries(DOCS_PAGE)) app.get(path, file);
  for (const operation of OPERATIONS) {
    const answer = route(operation, options);
    const path = API + operation.http.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(
      operation.http.method.toUpperCase(),
      path,
      async (c) =>
        await answer({
          request: c.req.raw,
          params: c.req.param() as Record<string, string>,
          caller: await caller(c),
          origin: c.env,
        }),
    );
  }
  app.all("/mcp", async (c) => {
    const token = await caller(c);
    return await (await (agents ??= agentsOf(options))).answer(c.req.raw, token, c.env);
  });
  app.notFound(async (c) => {
    await caller(c);
    throw unknownRoute(c.req.method, c.req.path);
  });
  // Errors are answered in one place, outside.
  app.onError((error) => {
    throw error;
  });
  return app;
}

/** Loaded when the first agent calls: most servers have none. */
async function agentsOf({ rules = AGENT_RULES, ...options }: AppOptions): Promise<McpEndpoint> {
  const { McpEndpoint } = await import("../mcp/http.ts");
  return new McpEndpoint({ ...options, rules });
}

function unknownRoute(method: string, path: string): Refusal {
  const allowed = OPERATIONS.filter(({ http }) => matches(API + http.path, path)).map(({ http }) =>
    http.method.toUpperCase()
  );
  if (allowed.length === 0) {
    return new Refusal("route_not_found", "There is nothing under this path", {
      hint: `${API}/openapi.json lists what there is.`,
    });
  }
  return new Refusal("method_not_allowed", `${method} is not possible here`, {
    hint: `Possible: ${allowed.join(", ")}.`,
    headers: { allow: allowed.join(", ") },
  });
}

function matches(pattern: string, path: string): boolean {
  const parts = path.split("/");
  const wanted = pattern.split("/");
  return parts.length === wanted.length &&
    wanted.every((part, i) => part.startsWith("{") ? parts[i] !== "" : part === parts[i]);
}
