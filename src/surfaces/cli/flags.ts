import { type Setting, type SettingName, settingsList } from "../config/settings.ts";

/** Flags of every command that are no settings. */
export const GLOBAL_FLAGS: readonly { flags: string; summary: string }[] = [
  { flags: "--config <file>", summary: "config file (default: jobd.config.ts or jobd.json here)" },
  { flags: "--json", summary: "print one JSON document with stable keys" },
  { flags: "--no-color", summary: "no colours, also on a terminal" },
];

/** The flags of settings that a command takes. */
export function settingsOf(command: { runsWorker: boolean }): [SettingName, Setting<unknown>][] {
  return settingsList().filter(([, setting]) =>
    setting.flag !== undefined && setting.scope === "worker" && command.runsWorker
  );
}

/** The flags of settings that every command takes. */
export function globalSettings(): [SettingName, Setting<unknown>][] {
  return settingsList().filter(([, setting]) => setting.flag !== undefined && setting.scope === "all");
}
