import type { MigrationInfo } from "../../../storage/driver.ts";
import { migrationLabel } from "../../../storage/sql/migrations.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";

type MigrateInput = Input<{
  status: OptionSpec<boolean>;
  dryRun: OptionSpec<boolean>;
  to: OptionSpec<number | undefined>;
}>;

/** `jobd migrate` */
export async function migrate({ options }: MigrateInput, context: Context): Promise<void> {
  const { out } = context;
  const { status, dryRun, to } = options;
  const driver = await context.driver();
  const { applied, pending } = await driver.migrate({
    dryRun: dryRun || status,
    onProgress: (line) => out.progress(line),
    ...compact({ to }),
  });
  out.endProgress();
  if (out.json) {
    out.document({
      location: driver.location,
      applied: applied.map(named),
      pending: pending.map(dryRun ? full : named),
    });
  } else if (status) {
    for (const one of applied) out.line(styled("green", "applied  "), migrationLabel(one));
    for (const one of pending) out.line(styled("yellow", "missing  "), migrationLabel(one));
  } else if (dryRun) {
    for (const one of pending) out.text(`-- ${migrationLabel(one)}\n${one.sql ?? ""}\n`);
    if (pending.length === 0) out.note(`Nothing to do: ${driver.location} is up to date.`);
  } else {
    for (const one of pending) out.line(styled("green", "applied  "), migrationLabel(one));
    const done = pending.length === 0
      ? "is up to date already"
      : `is up to date: ${count(pending.length, "migration")} applied`;
    out.line(`${driver.location} ${done}`);
  }
}

function named({ number, name }: MigrationInfo): { number: number; name: string } {
  return { number, name };
}

function full({ number, name, sql }: MigrationInfo): { number: number; name: string; sql: string } {
  return { number, name, sql: sql ?? "" };
}
