import { openSqliteStore } from "../conformance/backends.ts";
import { watching } from "./suite.ts";

watching("sqlite", openSqliteStore);
