import { type Setting, settingsList } from "./settings.ts";

/** The text of `.env.example`: every environment variable with its default. */
export function envExample(): string {
  const head = [
    "# Every environment variable that jobd reads, with its default.",
    "# Copy this file to .env, take the # away where you want another value, and load it into the environment",
    "# (`set -a; . ./.env; set +a`, `env_file:` in compose.yaml, or EnvironmentFile= in a systemd unit).",
    "# Flags beat these variables; these variables beat the config file. Durations look like 30s, 5m or 1h30m.",
  ];
  const entries = settingsList().flatMap(([, setting]) => {
    if (setting.env === undefined) return [];
    return [
      "",
      `# ${sentence(setting.summary)}${allowed(setting)}`,
      `#${setting.env}=${setting.default ?? ""}`,
    ];
  });
  return [...head, ...entries, ""].join("\n");
}

/** The table of settings in `docs/configuration.md`. */
export function settingsTable(): string {
  const rows = settingsList().map(([, setting]) => [
    code(setting.key),
    setting.env === undefined ? "" : code(setting.env),
    setting.flag === undefined ? "" : code(`--${setting.flag}`),
    setting.default === undefined ? setting.otherwise ?? "" : code(setting.default),
    `${sentence(setting.summary)} Allowed: ${setting.reader.allowed}.`,
  ]);
  const head = [["In the file", "Variable", "Flag", "Default", "What it does"], [
    "---",
    "---",
    "---",
    "---",
    "---",
  ]];
  return [...head, ...rows].map((row) =>
    `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`
  ).join("");
}

function allowed(setting: Setting<unknown>): string {
  const otherwise = setting.otherwise === undefined ? "" : ` Without it: ${setting.otherwise}.`;
  return `${otherwise} Allowed: ${setting.reader.allowed}.`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function code(text: string): string {
  return `\`${text}\``;
}
