import { conformance } from "../conformance/suite.ts";
import { openPostgresStore } from "./postgres_store.ts";

conformance("postgres", () => openPostgresStore());
conformance("postgres without prepared statements", () => openPostgresStore({ preparedStatements: false }));
