import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { defineJob, Jobd } from "@jobd/jobd";
import config from "../../deno.json" with { type: "json" };
import { Orders } from "../../examples/shop/orders.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The flags of `deno task shop`. */
const FLAGS = (/^deno run (.*) examples\/shop\/main\.ts$/.exec(config.tasks.shop)?.[1] ?? "").split(" ");

/** The shop in a folder of its own, as `deno task shop` starts it. */
class ShopFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(): Promise<ShopFolder> {
    return new ShopFolder(await Deno.makeTempDir({ prefix: "jobd-shop-" }));
  }

  command(args: string[], env: Record<string, string> = {}): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--config", `${ROOT}deno.json`, ...FLAGS, `${ROOT}examples/shop/main.ts`, ...args],
      cwd: this.path,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
    });
  }

  /** Runs `--demo` and gives what it printed. */
  async demo(args: string[] = [], env: Record<string, string> = {}): Promise<string[]> {
    const { code, stdout, stderr } = await this.command(["--demo", ...args], env).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trimEnd().split("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** What every run of the demo shows. */
function checkDemo(lines: string[]): void {
  const count = (kind: string) => lines.filter((line) => line.startsWith(`${kind} `)).length;
  const all = lines.join("\n");
  assert.ok(lines.includes("5 orders, 2 shipments, 1 newsletter: 12 mails delivered, none twice"), all);
  assert.ok(lines.includes("shipping an order again: conflict; publishing an issue again: existing"), all);
  const troubles =
    lines.find((line) => line.startsWith("the mail server was away"))?.match(/\d+/g)?.map(Number) ?? [];
  assert.equal(troubles.length, 4, all);
  assert.ok(troubles.every((times) => times > 0), all);
  assert.ok(count("job.retrying") > 0 && count("job.snoozed") > 0, all);
  assert.equal(count("job.dead"), 0, all);
}

Deno.test("the task of the shop names the rights it needs, and no others", () => {
  assert.ok(FLAGS.includes("--no-prompt"));
  assert.deepEqual(FLAGS.filter((flag) => flag.startsWith("--allow")), [
    "--allow-net",
    "--allow-env",
    "--allow-read=.",
    "--allow-write=.",
  ]);
});

Deno.test("deno task shop --demo delivers every mail once on SQLite, also on a file that holds orders", async () => {
  await using folder = await ShopFolder.create();
  checkDemo(await folder.demo());
  assert.ok((await Deno.stat(`${folder.path}/shop.db`)).isFile);
  checkDemo(await folder.demo());
});

Deno.test("deno task shop --demo delivers every mail once on PostgreSQL, by flag and by environment", async () => {
  await using folder = await ShopFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  checkDemo(await folder.demo(["--database-url", database.url]));
  checkDemo(await folder.demo([], { DATABASE_URL: database.url }));
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder.path)), []);
});

Deno.test("without --demo the shop stays open until it is told to close", async () => {
  await using folder = await ShopFolder.create();
  const child = folder.command(["--port", "0"]).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("curl ")) {
    const { done, value } = await lines.read();
    assert.ok(!done, text);
    text += value;
  }
  const [, address] = /open at (\S+),/.exec(text) ?? [];
  const body = JSON.stringify({ customer: "ada@gmail.com", items: [{ name: "Tea", cents: 450 }] });
  const placed = await fetch(`${address}/orders`, { method: "POST", body });
  assert.equal(placed.status, 201);
  const { id } = await placed.json();
  const order = await (await fetch(`${address}/orders/${id}`)).json();
  assert.deepEqual([order.customer, order.jobs.length], ["ada@gmail.com", 1]);
  child.kill("SIGTERM");
  while (!(await lines.read()).done);
  assert.equal((await child.status).code, 0);
});

Deno.test("on PostgreSQL an order and its job are stored together or not at all", async () => {
  await using database = await createDatabase(await sharedPostgres());
  await using jobd = await Jobd.open(database.url, { migrate: true });
  await using orders = await Orders.open(database.url);
  const confirm = defineJob<string>({ type: "confirm" });
  const items = [{ name: "Tea", cents: 450 }];
  const jobs = () => Array.fromAsync(jobd.jobs.list({ type: "confirm" }));

  const broken = orders.place({ customer: "ada@gmail.com", items }, async ({ id }, within) => {
    await jobd.enqueue(confirm, id, within);
    throw new Error("the power is out");
  });
  await assert.rejects(broken, /power/);
  assert.deepEqual([await jobs(), await orders.customers()], [[], []]);

  const order = await orders.place(
    { customer: "bob@gmail.com", items },
    ({ id }, within) => jobd.enqueue(confirm, id, within),
  );
  assert.deepEqual((await jobs()).map(({ payload }) => payload), [order.id]);
  assert.deepEqual(await orders.get(order.id), { ...order, parcel: null });
});
