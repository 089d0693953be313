import { resolve } from "node:path";
import type { HttpConfig } from "../../../runtime/handlers/http/http_config.ts";
import type { Config } from "../../config/load.ts";
import { settingsList } from "../../config/settings.ts";
import type { Context } from "../context.ts";
import type { Finding } from "./doctor.ts";
import { findProgram } from "./find_program.ts";
import { loadHandlers } from "./handlers.ts";

/** Where the settings come from. */
export async function checkConfiguration(context: Context): Promise<Finding[]> {
  const { sources, file } = await context.config();
  const set = settingsList().filter(([name]) => sources[name] !== "default")
    .map(([name, { key }]) => `${key} (${sources[name]})`);
  const from = file === undefined ? "no config file" : file.path;
  return [{
    name: "configuration",
    value: `${from}; ${set.length === 0 ? "all defaults" : set.join(", ")}`,
    level: "ok",
  }];
}

const PERMISSIONS = ["net", "read", "write", "env", "run"] as const;

/** The permissions that Deno gives to this program. */
export async function checkPermissions(): Promise<Finding[]> {
  const lacking: string[] = [];
  for (const name of PERMISSIONS) {
    if ((await Deno.permissions.query({ name })).state !== "granted") lacking.push(`--allow-${name}`);
  }
  if (lacking.length === 0) return [{ name: "permissions", value: "all that jobd uses", level: "ok" }];
  return [{
    name: "permissions",
    value: `limited: not everything is allowed by ${lacking.join(", ")}`,
    level: "warning",
    hint: "That is fine if the store, the config and the programs of handlers are allowed.",
  }];
}

/** Whether the handlers accept their configuration, and whether the programs that they start are there. */
export async function checkHandlers(context: Context): Promise<Finding[]> {
  const config = await context.config();
  await loadHandlers(config);
  const { agent = {}, commands = {}, http } = config.file?.sections ?? {};
  const path = context.host.env("PATH") ?? "";
  const findings = [await checkProgram("handler claude", agent.command ?? "claude", { path })];
  for (const [name, { command, cwd }] of Object.entries(commands)) {
    const program = command.includes("/") && cwd !== undefined ? resolve(cwd, command) : command;
    findings.push(await checkProgram(`command ${name}`, program, { path }));
  }
  return [...findings, ...checkHttp(http), ...await checkFiles(config)];
}

/** Where messages may go. Nobody is asked whether they would arrive: that is for a job to find out. */
function checkHttp(http: HttpConfig | undefined): Finding[] {
  if (http === undefined) return [];
  const names = [...Object.keys(http.targets ?? {}), ...http.hosts ?? []];
  return [{ name: "handler http", value: names.join(", ") || "no targets and no hosts", level: "ok" }];
}

/** Whether the files of handlers are there. They are not loaded: that may do anything. */
async function checkFiles({ values: { workerHandlers } }: Config): Promise<Finding[]> {
  if (workerHandlers === undefined) return [];
  const { modulePaths } = await import("../../../runtime/isolation/module_paths.ts");
  return [{ name: "handlers of files", value: (await modulePaths(workerHandlers)).join(", "), level: "ok" }];
}

async function checkProgram(name: string, program: string, { path }: { path: string }): Promise<Finding> {
  const found = await findProgram(program, path);
  if (found !== undefined) return { name, value: found, level: "ok" };
  return {
    name,
    value: `there is no program ${JSON.stringify(program)}`,
    level: "warning",
    hint: "Install it, or name the one to use in the config file; jobs that need it fail for good.",
  };
}
