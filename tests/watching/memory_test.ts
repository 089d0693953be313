import { openMemoryStore } from "../conformance/backends.ts";
import { watching } from "./suite.ts";

watching("memory", openMemoryStore);
