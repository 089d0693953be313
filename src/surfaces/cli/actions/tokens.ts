import { JobdError } from "../../../domain/errors.ts";
import type { Role } from "../../../domain/role.ts";
import { isGood } from "../../../domain/token.ts";
import type { TokenView } from "../../../runtime/tokens.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import { compact } from "./compact.ts";
import { type Miss, reportMisses } from "./targets.ts";
import type { View } from "../../views.ts";
import { iso } from "../../views.ts";

type CreateInput = Input<{
  role: OptionSpec<Role>;
  only: OptionSpec<string | undefined>;
  queue: OptionSpec<string[]>;
  type: OptionSpec<string[]>;
  expires: OptionSpec<number | undefined>;
}>;

/** `jobd tokens create` */
export async function createToken({ args, options }: CreateInput, context: Context): Promise<void> {
  const { out } = context;
  const [name = ""] = args;
  const { role, only, queue, type, expires } = options;
  const jobd = await context.jobd();
  const { token, secret } = await jobd.tokens.create(name, {
    role,
    ...compact({
      namespace: only,
      queues: queue.length === 0 ? undefined : queue,
      types: type.length === 0 ? undefined : type,
      expiresIn: expires,
    }),
  });
  if (out.json) out.document({ ...tokenView(token), secret });
  else {
    out.line(secret);
    out.note(`Token ${token.id} (${token.role}). Keep it: it cannot be shown again.`);
  }
}

/** `jobd tokens list` */
export async function listTokens(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const tokens = await jobd.tokens.list();
  if (out.json) return out.document({ items: tokens.map(tokenView) });
  if (tokens.length === 0) return out.note("No tokens yet: `jobd tokens create NAME` makes one.");
  const now = jobd.now();
  out.table(
    ["ID", "NAME", "ROLE", "NAMESPACE", "FOR", "MADE", "GOOD UNTIL"].map((title) => ({ title })),
    tokens.map((token) => [
      token.id,
      token.name,
      token.role,
      token.namespace ?? "all",
      [...token.queues ?? [], ...token.types ?? []].join(", "),
      relative(token.createdAt, now),
      endText(token, now),
    ]),
  );
}

/** `jobd tokens revoke` */
export async function revokeTokens({ args }: Input, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const revoked: string[] = [];
  const missed: Miss[] = [];
  for (const id of new Set(args)) {
    try {
      await jobd.tokens.revoke(id);
      revoked.push(id);
    } catch (error) {
      if (!(error instanceof JobdError) || error.code !== "not_found") throw error;
      missed.push({ id, code: error.code, reason: error.message });
    }
  }
  if (out.json) out.document({ succeeded: revoked, failed: missed });
  else for (const id of revoked) out.line(`${id} revoked`);
  return reportMisses(out, missed);
}

function endText(token: TokenView, now: number): string {
  if (token.revokedAt !== null) return `revoked ${relative(token.revokedAt, now)}`;
  if (token.expiresAt === null) return "for ever";
  return isGood(token, now) ? relative(token.expiresAt, now) : `expired ${relative(token.expiresAt, now)}`;
}

function tokenView({ createdAt, expiresAt, revokedAt, ...rest }: TokenView): View {
  return { ...rest, createdAt: iso(createdAt), expiresAt: iso(expiresAt), revokedAt: iso(revokedAt) };
}
