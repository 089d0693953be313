import { JobdError, messageOf } from "../../../domain/errors.ts";
import type { StoreFact } from "../../../storage/driver.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import { type Style, styled } from "../style.ts";
import { checkEncryption } from "./doctor_encryption.ts";
import { checkClock, checkSchema, checkWork, checkWorkers } from "./doctor_store.ts";
import { checkConfiguration, checkHandlers, checkPermissions } from "./doctor_program.ts";

/** One thing that was looked at. */
export type Finding = StoreFact;

/** Characters of the names of findings; longer ones push their value away. */
const NAME_WIDTH = 22;

const STYLES: Record<Finding["level"], Style> = { ok: "green", warning: "yellow", error: "red" };

/** `jobd doctor` */
export async function doctor(
  { options }: Input<{ expectWorker: OptionSpec<boolean> }>,
  context: Context,
): Promise<number> {
  const findings: Finding[] = [];
  for await (const finding of examine(context, options.expectWorker)) {
    findings.push(finding);
    if (!context.out.json) print(context, finding);
  }
  const errors = findings.filter(({ level }) => level === "error").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  if (context.out.json) {
    context.out.document({ ok: errors === 0, errors, warnings, findings: findings.map(view) });
  } else {context.out.line(
      errors + warnings === 0 ? "All is well." : `${count(errors, "error")}, ${count(warnings, "warning")}`,
    );}
  return errors === 0 ? 0 : 1;
}

/** All checks in order; where one cannot be made, those that build on it are left out. */
async function* examine(context: Context, expectWorker: boolean): AsyncGenerator<Finding> {
  const configuration = await attempt("configuration", () => checkConfiguration(context));
  yield* configuration;
  if (configuration.some(({ level }) => level === "error")) return;
  yield* await attempt("permissions", () => checkPermissions());
  yield* await attempt("handlers", () => checkHandlers(context));
  const schema = await attempt("store", () => checkSchema(context));
  yield* schema;
  if (schema.some(({ level }) => level === "error")) return;
  yield* await attempt("clock", () => checkClock(context));
  yield* await attempt("workers", () => checkWorkers(context, expectWorker));
  yield* await attempt("jobs", () => checkWork(context));
  yield* await attempt("encryption", () => checkEncryption(context));
}

/** A check that fails is a finding, too. */
async function attempt(name: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    const hint = error instanceof JobdError ? error.hint : undefined;
    return [{ name, value: messageOf(error), level: "error", ...(hint === undefined ? {} : { hint }) }];
  }
}

function print({ out }: Context, { name, value, level, hint }: Finding): void {
  out.line(styled(STYLES[level], level.padEnd(8)), name.padEnd(NAME_WIDTH), " ", value);
  if (hint !== undefined) out.line(" ".repeat(9 + NAME_WIDTH), styled("dim", hint));
}

function view({ name, value, level, hint }: Finding): Record<string, unknown> {
  return { name, value, level, hint: hint ?? null };
}
