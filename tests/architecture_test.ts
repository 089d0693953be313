import assert from "node:assert/strict";
import { dirname, join, normalize, relative } from "node:path";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** Each room and those it may import from: the ones to its left, and itself. */
const ROOMS = ["domain", "storage", "runtime", "surfaces"];

/** Where time and chance come from; everything else is given them. */
const SOURCES_OF_TIME = [
  "src/storage/system.ts",
];

/** What a program loads that uses the library, wherever it runs. */
const LIBRARY = ["src/mod.ts", "src/testing/mod.ts", "src/runtime/watchdog_thread.ts"];

/** What of that only Deno loads, all of it from one place; and where Deno's own interface has its counterpart. */
const DENO_GATE = "src/runtime/worker_modules.ts";
const DENO_ONLY = ["src/runtime/isolation/modules.ts", "src/runtime/process/processes.ts"];
const DENO_PLATFORM = "src/storage/platform/deno.ts";

/** Packages and the only folders, or files, that may know them. */
const PACKAGES: Record<string, string> = {
  // A calendar without clocks: it computes and does nothing else.
  croner: "src/domain/cron.ts",
  pg: "src/storage/postgres/",
  "@modelcontextprotocol/server": "src/surfaces/mcp/",
  "@modelcontextprotocol/server/stdio": "src/surfaces/mcp/stdio.ts",
  "node:sqlite": "src/storage/sqlite/",
};

interface Source {
  path: string;
  text: string;
}

interface Import {
  from: string;
  to: string;
}

async function* sourcesIn(folder: string): AsyncGenerator<Source> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sourcesIn(path);
    else if (entry.name.endsWith(".ts")) {
      yield { path: relative(ROOT, path), text: await Deno.readTextFile(path) };
    }
  }
}

const sources = await Array.fromAsync(sourcesIn(join(ROOT, "src")));

/** What a file imports, statically or not; paths inside the repository from its root. */
function importsOf({ path, text }: Source): Import[] {
  const specifiers = [...withoutComments(text).matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"\n]+)"/g)];
  return specifiers.map(([, specifier = ""]) => ({
    from: path,
    to: specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : specifier,
  }));
}

/** Its imports but those that only name types. */
function loadsOf({ path, text }: Source): Import[] {
  return importsOf({ path, text: withoutComments(text).replace(/^(?:import|export) type [^;]*;/gm, "") });
}

/** The files that these load, statically or not, and what those load; without what only names a type. */
function loadedBy(paths: readonly string[], except: readonly string[]): Source[] {
  const loaded = new Set(paths);
  for (const path of loaded) {
    const source = sources.find((one) => one.path === path);
    if (source === undefined) continue;
    for (const { to } of loadsOf(source)) if (!except.includes(to)) loaded.add(to);
  }
  return sources.filter(({ path }) => loaded.has(path));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function roomOf(path: string): string | undefined {
  const [top, room] = path.split("/");
  return top === "src" && room !== undefined && ROOMS.includes(room) ? room : undefined;
}

const imports = sources.flatMap(importsOf);

Deno.test("imports point only left: domain, storage, runtime, surfaces", () => {
  assert.ok(imports.length > 100, `only ${imports.length} imports were seen`);
  const wrong = imports.filter(({ from, to }) => {
    const [room, other] = [roomOf(from), roomOf(to)];
    if (room === undefined) return false;
    if (other === undefined) return to.startsWith("src/") || to === "main.ts";
    return ROOMS.indexOf(other) > ROOMS.indexOf(room);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("the domain does no I/O: it imports nothing but itself", () => {
  const outside = imports.filter(({ from, to }) =>
    roomOf(from) === "domain" && roomOf(to) !== "domain" && PACKAGES[to] !== from
  );
  assert.deepEqual(outside, []);
  const io = sources.filter(({ path, text }) =>
    roomOf(path) === "domain" && /\b(?:Deno|fetch|process)\b[.(]/.test(text)
  );
  assert.deepEqual(io.map(({ path }) => path), []);
});

Deno.test("the testing kit stands on the runtime, and nothing of the program knows it", () => {
  const kit = (path: string): boolean => path.startsWith("src/testing/");
  const known = imports.filter(({ from, to }) => !kit(from) && kit(to));
  const above = imports.filter(({ from, to }) =>
    kit(from) && (roomOf(to) === "surfaces" || to === "main.ts")
  );
  assert.deepEqual([...known, ...above], []);
  assert.ok(imports.some(({ from, to }) => kit(from) && roomOf(to) === "runtime"));
});

Deno.test("the library runs without Deno: its own interface is used in one file, and in what only Deno loads", () => {
  const library = loadedBy(LIBRARY, DENO_ONLY);
  assert.ok(library.length > 100, `only ${library.length} files were seen`);
  const own = library.filter(({ text }) => /\bDeno\s*[.?[]/.test(withoutComments(text))).map(({ path }) =>
    path
  );
  assert.deepEqual(own, [DENO_PLATFORM]);
  for (const gated of DENO_ONLY) {
    const loading = library.filter((source) => loadsOf(source).some(({ to }) => to === gated));
    assert.deepEqual(loading.map(({ path }) => path), [DENO_GATE], gated);
  }
});

Deno.test("Node.js 22 can parse the library, which knows no `using`", () => {
  const using = loadedBy(LIBRARY, DENO_ONLY).filter(({ text }) =>
    /^\s*(?:await )?using \w+ =/m.test(withoutComments(text))
  );
  assert.deepEqual(using.map(({ path }) => path), []);
});

Deno.test("each package is known in one place", () => {
  const wrong = imports.filter(({ from, to }) =>
    PACKAGES[to] !== undefined && !from.startsWith(PACKAGES[to])
  );
  assert.deepEqual(wrong, []);
  for (const name of Object.keys(PACKAGES)) {
    assert.ok(imports.some(({ to }) => to === name), `${name} is not imported`);
  }
});

Deno.test("backends do not know each other", () => {
  const backend = (path: string): string | undefined =>
    /^src\/storage\/(memory|postgres|sqlite)\//.exec(path)?.[1];
  const wrong = imports.filter(({ from, to }) => {
    const [one, other] = [backend(from), backend(to)];
    return one !== undefined && other !== undefined && one !== other;
  });
  assert.deepEqual(wrong, []);
});

Deno.test("time and chance come from few places", () => {
  const direct =
    /\bDate\.now\b|\bMath\.random\b|\bset(?:Timeout|Interval)\s*\(|\bnew Date\(\)|\bperformance\.now\b/;
  const found = sources.filter(({ text }) => direct.test(withoutComments(text))).map(({ path }) => path);
  assert.deepEqual(found.toSorted(), SOURCES_OF_TIME);
});

Deno.test("no file is longer than 400 lines", () => {
  const long = sources.filter(({ text }) => text.trimEnd().split("\n").length > 400).map(({ path }) => path);
  assert.deepEqual(long, []);
});

Deno.test("the migrations of both backends have the same numbers and names", async () => {
  const names = async (backend: string): Promise<string[]> => {
    const entries = await Array.fromAsync(Deno.readDir(join(ROOT, "migrations", backend)));
    return entries.map(({ name }) => name).toSorted();
  };
  const postgres = await names("postgres");
  assert.deepEqual(postgres, await names("sqlite"));
  assert.deepEqual(postgres.map((name) => Number(name.slice(0, 4))), postgres.map((_, index) => index + 1));
  assert.ok(
    postgres.length > 0 && postgres.every((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)),
    postgres.join(),
  );
});

Deno.test("no file has a default export", () => {
  const found = sources.filter(({ text }) => /^export default\b/m.test(text)).map(({ path }) => path);
  assert.deepEqual(found, []);
});
