import { JobdError } from "../../domain/errors.ts";
import { type ConfigFile, type ConfigFiles, loadConfigFile } from "./file.ts";
import { readValue } from "./readers.ts";
import { type Setting, type SettingName, settingsList, type SettingValues } from "./settings.ts";

/** Where the value of a setting came from. */
export type SettingSource = "flag" | "environment" | "file" | "default";

/** The configuration of one run of the program. */
export interface Config {
  /** The settings. */
  values: SettingValues;
  /** Where each came from. */
  sources: Record<SettingName, SettingSource>;
  /** The config file, if there was one. */
  file: ConfigFile | undefined;
}

/** What {@linkcode loadConfig} reads from. */
export interface ConfigInput {
  /** Texts of the flags that were given. */
  flags: Partial<Record<SettingName, string>>;
  /** An environment variable; an empty one counts as not set. */
  env(name: string): string | undefined;
  /** The files. */
  files: ConfigFiles;
  /** The path after `--config`. */
  path?: string | undefined;
}

/**
 * Reads all settings: flags beat environment variables, which beat the config file, which beats defaults.
 *
 * @throws {JobdError} `invalid_config` (`invalid_request` for flags) for the first value that is not allowed
 */
export async function loadConfig(input: ConfigInput): Promise<Config> {
  const file = await loadConfigFile(input.files, input.path);
  const values: Partial<Record<SettingName, unknown>> = {};
  const sources: Partial<Record<SettingName, SettingSource>> = {};
  for (const [name, setting] of settingsList()) {
    const [value, source] = readSetting(setting, input.flags[name], input.env, file);
    values[name] = value;
    sources[name] = source;
  }
  const config = { values: values as SettingValues, sources: sources as Config["sources"], file };
  checkTogether(config);
  return config;
}

function readSetting(
  setting: Setting<unknown>,
  flag: string | undefined,
  env: ConfigInput["env"],
  file: ConfigFile | undefined,
): [unknown, SettingSource] {
  const { reader } = setting;
  if (flag !== undefined) return [readValue(reader, flag, `--${setting.flag}`, "invalid_request"), "flag"];
  const variable = setting.env === undefined ? undefined : env(setting.env);
  if (variable) return [readValue(reader, variable, setting.env as string, "invalid_config"), "environment"];
  if (file?.values.has(setting.key)) {
    const value = file.values.get(setting.key);
    return [readValue(reader, value, `${file.path}: ${setting.key}`, "invalid_config"), "file"];
  }
  return [setting.default === undefined ? undefined : reader.read(setting.default), "default"];
}

function checkTogether({ values, file }: Config): void {
  if (values.backoffBase > values.backoffMax) {
    throw new JobdError(
      "invalid_config",
      `${file?.path}: backoff.base (${values.backoffBase} ms) is longer than backoff.max (${values.backoffMax} ms)`,
    );
  }
}
