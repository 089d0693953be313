import type { WaitCalls } from "../../src/runtime/wait_calls.ts";

/** The calls of a context for handlers that wait for nothing. */
export const noWaits: WaitCalls = {
  waitFor: () => Promise.reject(new Error("Nobody answers here")),
  waitToken: () => Promise.reject(new Error("There are no tokens here")),
  forgetAnswer: () => Promise.resolve(),
  sleep: () => Promise.resolve(),
};
