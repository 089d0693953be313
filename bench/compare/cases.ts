import type { Case } from "./case.ts";
import { CORE_CASES } from "./cases/core.ts";
import { DAEMON_CASES } from "./cases/daemon.ts";
import { HOLD_CASES } from "./cases/holds.ts";
import { LATENCY_CASES } from "./cases/latency.ts";
import { PROCESSES } from "./cases/processes.ts";
import { SHAPE_CASES } from "./cases/shapes.ts";
import { START_UP } from "./cases/start_up.ts";
import { WRITES } from "./cases/writes.ts";

/** Everything that is measured, in the order in which it is. */
export const CASES: Case[] = [
  ...CORE_CASES,
  PROCESSES,
  ...LATENCY_CASES,
  ...SHAPE_CASES,
  WRITES,
  ...DAEMON_CASES,
  START_UP,
  ...HOLD_CASES,
];
