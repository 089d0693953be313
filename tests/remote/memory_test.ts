import { openMemoryStore } from "../conformance/backends.ts";
import { remote } from "./suite.ts";

remote("memory", openMemoryStore);
