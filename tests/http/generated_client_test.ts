// A client that somebody else's generator makes from the document of the API: it compiles, and it works.
import assert from "node:assert/strict";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import config from "../../deno.json" with { type: "json" };
import { Jobd } from "../../src/mod.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { system } from "../../src/storage/system.ts";
import { startServer } from "../../src/surfaces/http/server.ts";

const PROGRAM = `
import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

const [baseUrl = "", token = ""] = Deno.args;
const client = createClient<paths>({ baseUrl, headers: { authorization: \`Bearer \${token}\` } });
const made = await client.POST("/api/v1/jobs", {
  body: { type: "mail.send", payload: { to: "ada@example.com" }, priority: "high", delay: "1h", tags: ["news"] },
});
const id: string = made.data?.id ?? "";
const read = await client.GET("/api/v1/jobs/{id}", { params: { path: { id } } });
const list = await client.GET("/api/v1/jobs", { params: { query: { state: ["scheduled"], limit: 5 } } });
const types: string[] = list.data?.items.map((job) => job.type) ?? [];
const moved = await client.PATCH("/api/v1/jobs/{id}", { params: { path: { id } }, body: { priority: 3 } });
const gone = await client.POST("/api/v1/jobs/{id}/cancel", { params: { path: { id } } });
const missing = await client.GET("/api/v1/jobs/{id}", { params: { path: { id: id.replace(/.$/, id.endsWith("0") ? "1" : "0") } } });
const code: string | undefined = missing.error?.code;
console.log(JSON.stringify([
  made.response.status, read.data?.state, types, moved.response.status, gone.response.status, code,
]));
`;

Deno.test("a generated TypeScript client compiles, works, and knows what is wrong before it is sent", async () => {
  await using folder = await Folder.make();
  await using jobd = await Jobd.open(new MemoryDriver());
  const { secret } = await jobd.tokens.create("generated", { role: "admin" });
  const place = { host: "127.0.0.1", port: 0, hosts: [], version: "0.0.0" };
  const server = startServer({ jobd, ...place, clock: system, log: silentLogger });
  try {
    const headers = { authorization: `Bearer ${secret}` };
    const document = await (await fetch(`${server.url}/api/v1/openapi.json`, { headers })).json();
    await folder.write("api.ts", astToString(await openapiTS(document)));
    await folder.write("deno.json", JSON.stringify({ imports: { "openapi-fetch": OPENAPI_FETCH } }));
    await folder.write("client.ts", PROGRAM);
    const ran = await folder.deno("run", "--check", "--allow-net=127.0.0.1", "client.ts", server.url, secret);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(JSON.parse(ran.stdout), [201, "scheduled", ["mail.send"], 200, 200, "not_found"]);
    await folder.write(
      "wrong.ts",
      PROGRAM.replace('"high"', '"urgent"').replace("{ priority: 3 }", "{ prio: 3 }"),
    );
    const refused = await folder.deno("check", "wrong.ts");
    assert.match(refused.stderr, /"urgent"/);
    assert.match(refused.stderr, /prio/);
  } finally {
    await server.stop();
  }
});

/** Pinned where all packages are. */
const OPENAPI_FETCH = config.imports["openapi-fetch"];

class Folder implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await Deno.makeTempDir({ prefix: "jobd-client-" }));
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.#path, name), text);
  }

  async deno(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd: this.#path,
      env: { NO_COLOR: "1" },
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}
