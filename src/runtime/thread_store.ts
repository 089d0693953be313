import type { Driver } from "../storage/driver.ts";
import type { OpenOptions } from "./jobd_options.ts";
import type { WatchdogStore } from "./watchdog.ts";

/** How a thread opens the same store; a store in memory exists in one thread only. */
export function threadStore(store: string | Driver, options: OpenOptions): WatchdogStore | undefined {
  if (typeof store !== "string" || store === "sqlite::memory:") return undefined;
  const { listenUrl, preparedStatements, deadlineMs } = options;
  return {
    url: store,
    options: {
      ...(listenUrl === undefined ? {} : { listenUrl }),
      ...(preparedStatements === undefined ? {} : { preparedStatements }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    },
  };
}
