/** Options of `Driver.migrate`. */
export interface MigrateOptions {
  /** Stop at this number. */
  to?: number;
  /** Say what would be done, do nothing. */
  dryRun?: boolean;
  /** Told what is being done or waited for: one line for people. */
  onProgress?(line: string): void;
}

/** What the schema has and lacks. */
export interface MigrationStatus {
  /** Migrations in the store, by number. */
  applied: MigrationInfo[];
  /** Migrations applied by this call, or that would be. */
  pending: MigrationInfo[];
}

/** One migration. */
export interface MigrationInfo {
  /** Its number, from 1. */
  number: number;
  /** Its name. */
  name: string;
  /** Its SQL, for those not applied yet. */
  sql?: string;
}
