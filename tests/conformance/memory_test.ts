import { openMemoryStore } from "./backends.ts";
import { conformance } from "./suite.ts";

conformance("memory", openMemoryStore);
