/**
 * Tests of programs that use jobd: the real thing on a store in memory, at a time that the test moves.
 *
 * @module
 */
export { FakeClock } from "./fake_clock.ts";
export type { UntilOptions } from "./fake_clock.ts";
export { seededRandom } from "./chance.ts";
export { Faults } from "./faults.ts";
export type { FailOptions, Fault, FaultOptions, FaultTarget } from "./faults.ts";
export type { DriverMethod } from "../storage/intercept.ts";
export { perform } from "./perform.ts";
export type { AttemptOptions, Performed, PerformOptions } from "./perform.ts";
export { TestJobd } from "./test_jobd.ts";
export type { TestJobdOptions, TestMode, TestWorkerSettings } from "./test_jobd.ts";
export type { TestWorker } from "./test_worker.ts";
export type { DrainOptions, DrainReport } from "./drain.ts";
export type { ExpectedCount, ExpectedJob } from "./expected_job.ts";
export type { Pattern } from "./pattern.ts";
export type { StoreOptions, TimeOptions } from "./world.ts";
export { untilStopped } from "./waiting.ts";
