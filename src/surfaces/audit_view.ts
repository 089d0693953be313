import type { AuditEntry } from "../domain/audit.ts";
import { iso, type View } from "./views.ts";

/** An entry of the audit log. */
export function auditView({ at, ...rest }: AuditEntry): View {
  return { ...rest, at: iso(at) };
}
