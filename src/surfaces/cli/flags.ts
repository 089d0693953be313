import { type Setting, type SettingName, settingsList } from "../config/settings.ts";
import { type Command, kebab } from "./command.ts";

/** A flag as it is typed and shown, whatever its value means. */
export interface Flag {
  /** Its name without the dashes. */
  readonly name: string;
  /** One letter for it. */
  readonly short?: string;
  /** What stands for its value in help; without one it is a switch. */
  readonly placeholder?: string;
  /** What it does. */
  readonly summary: string;
  /** What help says behind the summary: choices, default, environment variable. */
  readonly notes?: readonly string[];
}

/** Flags of every command that are no settings. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: "config",
    placeholder: "file",
    summary: "config file (default: jobd.config.ts or jobd.json here)",
  },
  { name: "json", summary: "print one JSON document with stable keys" },
  { name: "no-color", summary: "no colours, also on a terminal" },
];

/** Asks for help instead of a run. */
export const HELP_FLAG: Flag = { name: "help", short: "h", summary: "print this help" };

/** Asks for the version instead of a run. */
export const VERSION_FLAG: Flag = { name: "version", short: "V", summary: "print the version" };

/** A flag as it is typed: `-q, --queue <name>`. */
export function flagTerm({ name, short, placeholder }: Flag): string {
  const letter = short === undefined ? "" : `-${short}, `;
  return `${letter}--${name}${placeholder === undefined ? "" : ` <${placeholder}>`}`;
}

/** The flags that every command takes and that change how it runs. */
export function commonFlags(): Flag[] {
  return [...GLOBAL_FLAGS, ...globalSettings().map(([, setting]) => settingFlag(setting))];
}

/** The flags that only this command takes, or it and some others. */
export function ownFlags(command: Command): Flag[] {
  const options = Object.entries(command.options).map(([name, spec]): Flag => {
    const { summary, choices, default: preset, repeats } = spec;
    const notes = [
      ...(choices === undefined || summary.includes(choices.join(", ")) ? [] : [choices.join(", ")]),
      ...(preset === undefined ? [] : [`default: ${preset}`]),
      ...(repeats ? ["may be repeated"] : []),
    ];
    return { ...spec, name: kebab(name), notes };
  });
  return [...options, ...settingsOf(command).map(([, setting]) => settingFlag(setting))];
}

/** The flags of settings that a command takes. */
export function settingsOf(
  { runsWorker, servesApi }: Pick<Command, "runsWorker" | "servesApi">,
): [SettingName, Setting<unknown>][] {
  const taken = { all: false, worker: runsWorker, api: servesApi };
  return settingsList().filter(([, setting]) => setting.flag !== undefined && taken[setting.scope]);
}

/** The flags of settings that every command takes. */
export function globalSettings(): [SettingName, Setting<unknown>][] {
  return settingsList().filter(([, setting]) => setting.flag !== undefined && setting.scope === "all");
}

function settingFlag(
  { flag, env, placeholder, summary, otherwise, default: preset, repeats = false }: Setting<unknown>,
): Flag {
  const notes = [
    ...(repeats ? ["may be repeated"] : []),
    ...(env === undefined ? [] : [`env: ${env}`]),
    `default: ${preset ?? otherwise}`,
  ];
  return { name: flag ?? "", placeholder, summary, notes };
}
