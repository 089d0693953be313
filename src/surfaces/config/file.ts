import { JobdError, messageOf, show } from "../../domain/errors.ts";
import { parseJson } from "../../domain/json.ts";
import { HANDLER_SECTIONS, type HandlerSections } from "./handler_sections.ts";
import { settingsList } from "./settings.ts";
import { unknownKey } from "./shapes.ts";

/** What a config file says, checked for unknown keys; the values are not read yet. */
export interface ConfigFile {
  /** Its path, for messages. */
  path: string;
  /** Values by setting key, such as `worker.concurrency`. */
  values: Map<string, unknown>;
  /** The sections of handlers. */
  sections: HandlerSections;
}

/** Names that are looked for in the working directory. */
export const CONFIG_FILES = ["jobd.config.ts", "jobd.json"] as const;

/** The files that loading a config needs; a real directory, or one that a test made up. */
export interface ConfigFiles {
  /** Whether the path is a file. */
  isFile(path: string): Promise<boolean>;
  /** The text of a file. */
  readText(path: string): Promise<string>;
  /** The exports of a module. */
  importModule(path: string): Promise<Record<string, unknown>>;
}

/**
 * Finds and reads the config file: the one given, else `jobd.config.ts` or `jobd.json` in the working directory.
 *
 * @throws {JobdError} `invalid_config`: a named file that is missing, two files, wrong syntax, unknown keys
 */
export async function loadConfigFile(
  files: ConfigFiles,
  path: string | undefined,
): Promise<ConfigFile | undefined> {
  const found = path ?? await discover(files);
  if (found === undefined) return undefined;
  if (path !== undefined && !await files.isFile(path)) {
    throw new JobdError("invalid_config", `There is no config file ${show(path)}`, {
      hint: "Check the path after --config.",
    });
  }
  const content = /\.[cm]?[jt]s$/.test(found) ? await fromModule(files, found) : await fromJson(files, found);
  return checkKeys(found, content);
}

async function discover(files: ConfigFiles): Promise<string | undefined> {
  const present: string[] = [];
  for (const name of CONFIG_FILES) if (await files.isFile(name)) present.push(name);
  if (present.length > 1) {
    throw new JobdError("invalid_config", `There are two config files: ${present.join(" and ")}`, {
      hint: "Keep one of them, or name the one to use with --config.",
    });
  }
  return present[0];
}

async function fromModule(files: ConfigFiles, path: string): Promise<unknown> {
  let module: Record<string, unknown>;
  try {
    module = await files.importModule(path);
  } catch (error) {
    throw new JobdError("invalid_config", `${path} cannot be loaded: ${messageOf(error).split("\n", 1)[0]}`, {
      cause: error,
    });
  }
  const content = module["config"] ?? module["default"];
  if (content === undefined) {
    throw new JobdError("invalid_config", `${path} exports no config`, {
      hint: "Write: export const config = { databaseUrl: ..., worker: { ... } };",
    });
  }
  return content;
}

async function fromJson(files: ConfigFiles, path: string): Promise<unknown> {
  let source: string;
  try {
    source = await files.readText(path);
  } catch (error) {
    throw new JobdError("invalid_config", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    return parseJson(path, source.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new JobdError(
      "invalid_config",
      `${path} is not JSON: ${messageOf(error).replace(`Invalid ${path}: `, "")}`,
    );
  }
}

function checkKeys(path: string, content: unknown): ConfigFile {
  if (!isObject(content)) throw new JobdError("invalid_config", `${path}: the config is not an object`);
  const known = new Set(settingsList().map(([, setting]) => setting.key));
  const groups = new Set(
    [...known].filter((key) => key.includes(".")).map((key) => key.slice(0, key.indexOf("."))),
  );
  const top = [...known].filter((key) => !key.includes("."));
  const file: ConfigFile = { path, values: new Map(), sections: {} };
  for (const [key, value] of Object.entries(content)) {
    if (Object.hasOwn(HANDLER_SECTIONS, key)) readSection(file, key as keyof HandlerSections, value);
    else if (groups.has(key)) readGroup(file, key, value, known);
    else if (known.has(key) && !key.includes(".")) file.values.set(key, value);
    else throw unknownKey(path, key, [...top, ...groups, ...Object.keys(HANDLER_SECTIONS)]);
  }
  return file;
}

function readSection(file: ConfigFile, name: keyof HandlerSections, value: unknown): void {
  HANDLER_SECTIONS[name](value, `${file.path}: ${name}`);
  // The shape has just been checked.
  file.sections[name] = value as never;
}

function readGroup(file: ConfigFile, group: string, value: unknown, known: Set<string>): void {
  if (!isObject(value)) {
    throw new JobdError("invalid_config", `${file.path}: ${group} is ${show(value)}, not an object`);
  }
  for (const [key, item] of Object.entries(value)) {
    const full = `${group}.${key}`;
    if (!known.has(full)) {
      throw unknownKey(
        file.path,
        full,
        [...known].filter((one) => one.startsWith(`${group}.`)),
      );
    }
    file.values.set(full, item);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
