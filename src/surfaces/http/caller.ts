import { allows, type Role } from "../../domain/role.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import type { Touched } from "../operations/operation.ts";
import { Refusal } from "./problem.ts";

const BEARER = /^bearer +(\S+)$/i;

/** Finds the token of a secret. */
export type TokenFinder = (secret: string) => Promise<TokenView | undefined>;

/** Who calls. @throws {Refusal} `unauthorized`, in the same words for a secret that is unknown, revoked, expired or malformed */
export async function callerOf(request: Request, find: TokenFinder): Promise<TokenView> {
  const [, secret] = BEARER.exec(request.headers.get("authorization") ?? "") ?? [];
  const token = secret === undefined ? undefined : await find(secret);
  if (token !== undefined) return token;
  throw new Refusal(
    "unauthorized",
    secret === undefined ? "A token is needed" : "This token is not good",
    {
      hint: "Send `Authorization: Bearer TOKEN`; `jobd tokens create` makes one.",
      headers: { "www-authenticate": 'Bearer realm="jobd"' },
    },
  );
}

/** @throws {Refusal} `forbidden` when the caller's role does not include the one needed */
export function checkRole(caller: TokenView, needed: Role | "any"): void {
  if (needed === "any" || allows(caller.role, needed)) return;
  throw new Refusal("forbidden", `This token has the role ${caller.role}; ${needed} is needed`);
}

/** The namespace of a request: what it asks for, as far as the caller may. @throws {Refusal} `forbidden` */
export function namespaceOf(request: Request, caller: TokenView, preset: string): string {
  const asked = request.headers.get("jobd-namespace") ?? caller.namespace ?? preset;
  if (caller.namespace === null || asked === caller.namespace) return asked;
  throw new Refusal("forbidden", `This token is for namespace ${JSON.stringify(caller.namespace)} only`);
}

/** @throws {Refusal} `forbidden` when the caller's token is for other queues or types */
export function checkScope({ queues, types }: TokenView, touched: readonly Touched[]): void {
  for (const { queue, type } of touched) {
    if (queue !== undefined && queues !== null && !queues.includes(queue)) {
      throw new Refusal("forbidden", `This token is not for queue ${JSON.stringify(queue)}`);
    }
    if (type !== undefined && types !== null && !types.includes(type)) {
      throw new Refusal("forbidden", `This token is not for jobs of type ${JSON.stringify(type)}`);
    }
  }
}
