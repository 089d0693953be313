import { openSqliteStore } from "../conformance/backends.ts";
import { remote } from "./suite.ts";

remote("sqlite", openSqliteStore);
