/** What every child may know of the daemon's environment. `LC_*` stands for all names that begin so. */
export const BASE_VARIABLES: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LC_*",
  "TERM",
  "TMPDIR",
  "TZ",
];

/** What leads into jobd itself and is never passed on, whatever a rule covers; in the same notation. */
export const OWN_VARIABLES: readonly string[] = ["JOBD_*", "DATABASE_URL", "DATABASE_LISTEN_URL"];

/** What {@linkcode childEnvironment} puts together. */
export interface EnvironmentRules {
  /** Names that are passed on from the daemon; a `*` at the end stands for any rest. */
  pass: readonly string[];
  /** Names that are not passed on although a rule above covers them; written likewise. */
  drop?: readonly string[];
  /** Variables that are set, whatever the daemon has. */
  set?: Readonly<Record<string, string>>;
}

/** The whole environment of a child: only what the rules name, so no secret of the daemon gets there by chance. */
export function childEnvironment(
  rules: EnvironmentRules,
  own: Readonly<Record<string, string>> = ownEnvironment(rules.pass),
): Record<string, string> {
  const environment: Record<string, string> = {};
  const drop = [...OWN_VARIABLES, ...rules.drop ?? []];
  for (const [name, value] of Object.entries(own)) {
    if (covers(rules.pass, name) && !covers(drop, name)) environment[name] = value;
  }
  return { ...environment, ...rules.set };
}

/** Whether a list of names and patterns covers a name. */
export function covers(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name
  );
}

/** All variables, or, when the daemon may not read all, those that are named without a star and allowed. */
function ownEnvironment(names: readonly string[]): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  const environment: Record<string, string> = {};
  for (const name of names.filter((name) => !name.endsWith("*"))) {
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") continue;
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
