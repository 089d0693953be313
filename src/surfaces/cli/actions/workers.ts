import { DEFAULT_NAMESPACE } from "../../../domain/names.ts";
import type { Json } from "../../../domain/json.ts";
import type { WorkerRow } from "../../../storage/driver.ts";
import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import { workerView } from "../../views.ts";

/** `jobd workers` */
export async function listWorkers(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const workers = await jobd.workers.list();
  const now = jobd.now();
  if (out.json) out.document({ items: workers.map(workerView) });
  else if (workers.length === 0) {
    const whose = jobd.namespace === DEFAULT_NAMESPACE ? "" : ` of namespace ${jobd.namespace}`;
    out.note(`No worker${whose} is running. Start one with \`jobd start\` or \`jobd worker\`.`);
  } else {
    out.table(
      [
        { title: "WORKER" },
        { title: "HOST", shrinks: true },
        { title: "PID", align: "right" },
        { title: "RUNNING", align: "right" },
        { title: "QUEUES", shrinks: true },
        { title: "TYPES", shrinks: true },
        { title: "STARTED" },
        { title: "SEEN" },
      ],
      workers.map((worker) => [
        worker.id,
        ...processCells(worker),
        `${worker.running}/${worker.concurrency}`,
        names(worker.queues),
        names(worker.types),
        relative(worker.startedAt, now),
        relative(worker.seenAt, now),
      ]),
    );
  }
}

function processCells({ process }: WorkerRow): [string, string] {
  const text = (value: Json | undefined): string =>
    value === undefined || value === null ? "" : String(value);
  return [text(process["host"]), text(process["pid"])];
}

function names(list: string[] | "all"): string {
  return list === "all" ? "all" : list.join(",");
}
