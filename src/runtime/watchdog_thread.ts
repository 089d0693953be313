// The thread behind watchdog.ts. It shares nothing with the event loop that it watches but one counter.
import { messageOf } from "../domain/errors.ts";
import { openDriver } from "../storage/open.ts";
import { sleep } from "../domain/clock.ts";
import { platform } from "../storage/platform/here.ts";
import { system } from "../storage/system.ts";
import type { WatchdogOrder } from "./watchdog.ts";

void platform.order().then((order) => watch(order as WatchdogOrder));

async function watch(order: WatchdogOrder): Promise<void> {
  const { leaseMs, limitMs, turns } = order;
  const counter = new Int32Array(turns);
  let last = Atomics.load(counter, 0);
  let since = system.monotonic();
  let told = false;
  for (;;) {
    await sleep(system, leaseMs / 10);
    const now = Atomics.load(counter, 0);
    const blockedMs = system.monotonic() - since;
    if (now !== last) {
      if (told) say(`The event loop turns again after ${Math.round(blockedMs / 1000)} s`);
      [last, since, told] = [now, system.monotonic(), false];
    } else if (blockedMs > limitMs) {
      if (order.then === "kill") platform.kill(platform.pid, "SIGKILL");
      if (told) {
        say("The event loop is still blocked: its leases are left to other workers. Restart this process");
      }
      told = false;
    } else if (blockedMs > leaseMs / 3) {
      if (!told) {
        say(
          "A handler blocks the event loop: other jobs of this process wait, its leases are kept meanwhile",
        );
      }
      told = true;
      await renew(order).catch((error) => say(`Its leases could not be renewed: ${messageOf(error)}`));
    }
  }
}

/** Opened for each renewal: a blocked loop is rare, and an idle connection in every process is not free. */
async function renew({ store, worker, leaseMs }: WatchdogOrder): Promise<void> {
  const driver = await openDriver(store.url, store.options);
  try {
    await driver.extend(worker, await driver.time() + leaseMs);
  } finally {
    await driver.close();
  }
}

/** Straight to the standard error: the logger lives on the loop that is blocked. */
function say(message: string): void {
  const line = JSON.stringify({ time: new Date(system.now()).toISOString(), level: "error", message });
  platform.complain(`${line}\n`);
}
