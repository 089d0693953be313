import { ownerMark } from "./identity.ts";
import { Machine } from "./machine.ts";
import { type ProcessEnd, type ProcessSpec, runProcess } from "./run_process.ts";

/** Everything about processes: runs programs, ends their trees, and finds what daemons that died left behind. */
export class Processes extends Machine {
  /** Runs a program; see {@linkcode runProcess}. */
  async run(spec: ProcessSpec): Promise<ProcessEnd> {
    return await runProcess(spec, {
      clock: this.clock,
      scanner: this.scanner,
      owner: ownerMark(await this.identity()),
    });
  }
}
