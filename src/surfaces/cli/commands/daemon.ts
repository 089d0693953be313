import { nameList } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, flag, value } from "../command.ts";
import { integer } from "../../config/readers.ts";

const types = value(nameList("type"), "list", "run only jobs of these types, separated by commas");

const noScheduler = flag("leave the ticks of schedules to other processes");

const noHttp = flag("serve no HTTP API");

const hello = flag("run one small job at the start, to show that everything works");

const files: ArgumentSpec = {
  name: "file",
  summary: "more files of --handlers: what a shell makes of jobs/*.ts",
  required: false,
  many: true,
};

const NAMES =
  "Ctrl-C or SIGTERM lets running jobs finish for --shutdown-timeout and then hands them back; a second one hands them back at once.";

/** Commands that set up the store and run jobs. */
export const DAEMON_COMMANDS: readonly Command[] = [
  command({
    path: "start",
    summary:
      "Start the daemon: migrate an embedded SQLite store, run jobs, turn ticks of schedules into jobs, look after the store, serve the HTTP API",
    details: `Without any setting the jobs are in the file jobd.db of this directory. ${NAMES}`,
    args: [files],
    options: { types, hello, noScheduler, noHttp },
    runsWorker: true,
    servesApi: true,
    examples: [
      ["jobd start --hello", "the daemon, and a first job to watch"],
      ["jobd", "the daemon with the store jobd.db in this directory"],
      [
        "jobd start --database-url sqlite:/var/lib/jobd/jobd.db --concurrency 4",
        "another store, four jobs at once",
      ],
      ["DATABASE_URL=postgres://jobd@db/jobd jobd start", "one of several daemons on a PostgreSQL database"],
    ],
    run: async (...given) => (await import("../actions/daemon.ts")).start(...given),
  }),
  command({
    path: "worker",
    summary: "Run jobs, on a store that is migrated already",
    details: NAMES,
    args: [files],
    options: { types, noScheduler },
    runsWorker: true,
    examples: [
      [
        "jobd worker --concurrency 5 --queues high,default",
        "five jobs at once; default only when high is empty",
      ],
      [
        "jobd worker --queues high=6,default=1 --types claude",
        "six turns of high for one of default; agent runs only",
      ],
      ["jobd worker --handlers jobs/*.ts", "also the jobs that these files define; see docs/handlers.md"],
    ],
    run: async (...given) => (await import("../actions/daemon.ts")).work(...given),
  }),
  command({
    path: "migrate",
    summary: "Create or update the schema of the store",
    details:
      "Safe to run from several machines at once; a schema that is newer than this program is refused.",
    options: {
      status: flag("only show which migrations are applied and which are missing"),
      dryRun: flag("print the SQL that would be run, and run nothing"),
      to: value(integer(1, 9999), "n", "stop after this migration"),
    },
    examples: [
      ["jobd migrate", "bring the store up to date"],
      ["jobd migrate --status --json", "what is applied, for scripts"],
      ["jobd migrate --dry-run --database-url postgres://jobd@db/jobd", "read the SQL before running it"],
    ],
    run: async (...given) => (await import("../actions/migrate.ts")).migrate(...given),
  }),
];
