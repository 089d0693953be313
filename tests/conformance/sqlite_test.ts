import { openSqliteStore } from "./backends.ts";
import { conformance } from "./suite.ts";

conformance("sqlite", openSqliteStore);
