import { settingsList } from "../../config/settings.ts";
import type { Context } from "../context.ts";
import type { Finding } from "./doctor.ts";

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
