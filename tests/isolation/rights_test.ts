import assert from "node:assert/strict";
import { defineJob, JobdError } from "../../src/mod.ts";
import { childProgram, denoFor } from "../../src/runtime/isolation/child_program.ts";
import {
  type Isolation,
  type IsolationChoice,
  parseIsolation,
} from "../../src/runtime/isolation/isolation.ts";
import { rightFlags } from "../../src/runtime/isolation/rights.ts";
import { packThrown, unpackThrown } from "../../src/runtime/isolation/thrown.ts";

function program(choice: IsolationChoice): ReturnType<typeof childProgram> {
  const isolation = parseIsolation(choice) as Isolation;
  return childProgram({
    deno: "deno",
    module: "/jobs/a.ts",
    project: ["--no-config"],
    isolation,
    mayDownload: false,
  });
}

Deno.test("a process gets the rights that are declared and no other flag that gives any", () => {
  const flags = rightFlags(
    (parseIsolation({
      permissions: {
        net: ["api.example.com:443", "b"],
        read: true,
        write: false,
        env: [],
        run: ["git"],
        sys: ["hostname"],
      },
    }) as Isolation).permissions,
  );
  assert.deepEqual(flags, [
    "--allow-net=api.example.com:443,b",
    "--allow-read",
    "--allow-run=git",
    "--allow-sys=hostname",
  ]);
  assert.deepEqual(rightFlags({ read: ["/a,b"] }), ["--allow-read=/a,,b"]);
  const { args } = program({ isolate: true });
  assert.ok(args.includes("--no-prompt") && args.includes("--cached-only"), args.join(" "));
  assert.deepEqual(args.filter((arg) => /^(-A|-[NREWSIP]|--allow|--unstable|--permission)/.test(arg)), []);
});

Deno.test("a process sees the variables that are declared, and those that Deno itself needs", () => {
  Deno.env.set("JOBD_TEST_SECRET", "secret");
  Deno.env.set("ISOLATION_TEST_A", "a");
  try {
    assert.equal(program({ isolate: true }).env["ISOLATION_TEST_A"], undefined);
    assert.equal(program({ permissions: { env: ["ISOLATION_TEST_*"] } }).env["ISOLATION_TEST_A"], "a");
    const all = program({ permissions: { env: true } }).env;
    assert.equal(all["ISOLATION_TEST_A"], "a");
    // What leads into jobd itself is for nobody.
    assert.equal(all["JOBD_TEST_SECRET"], undefined);
  } finally {
    Deno.env.delete("JOBD_TEST_SECRET");
    Deno.env.delete("ISOLATION_TEST_A");
  }
});

Deno.test("a bad wish for isolation is refused, with what is allowed", () => {
  const bad = (choice: object, message: RegExp): void => {
    assert.throws(() => defineJob({ type: "x", run: () => 1, ...choice }), (error) => {
      assert.ok(error instanceof JobdError && error.code === "invalid_request");
      assert.match(`${error.message} ${error.hint ?? ""}`, message);
      return true;
    });
  };
  bad({ permissions: { network: true } }, /Unknown key "network" in permissions Known are net, read/);
  bad(
    { permissions: { net: "example.com" } },
    /Invalid permissions.net: "example.com" is not true, false or a list/,
  );
  bad({ permissions: { read: [""] } }, /permissions.read/);
  bad({ permissions: true }, /Invalid permissions: true is not an object/);
  bad({ isolate: false, permissions: {} }, /`isolate: false` cannot have permissions/);
  bad({ isolate: { memory: 1 } }, /Unknown key "memory" in isolate Known are memoryMb/);
  bad({ isolate: { memoryMb: 1 } }, /isolate.memoryMb: 1 is not an integer from 16/);
  bad({ isolate: { idle: "soon" } }, /isolate.idle/);
});

Deno.test("a program that holds no Deno says so, and where there is one", () => {
  assert.equal(denoFor("/opt/deno"), "/opt/deno");
  assert.equal(denoFor(undefined), Deno.execPath());
  assert.throws(() => denoFor("/opt/deno", { standalone: true, execPath: () => "/bin/jobd" }), (error) => {
    assert.ok(error instanceof JobdError && error.code === "invalid_config");
    assert.match(`${error.message} ${error.hint}`, /deno compile.*deno task compile/);
    return true;
  });
});

Deno.test("what is thrown crosses processes with name, message, stack, code and causes", () => {
  const thrown = Object.assign(
    new TypeError("outer", { cause: new RangeError("inner", { cause: "text" }) }),
    { code: "E_X" },
  );
  const back = unpackThrown(JSON.parse(JSON.stringify(packThrown(thrown)))) as TypeError & { code: string };
  assert.deepEqual([back.name, back.message, back.stack, back.code], [
    "TypeError",
    "outer",
    thrown.stack,
    "E_X",
  ]);
  const cause = back.cause as Error;
  assert.deepEqual([cause.name, cause.message, cause.cause], ["RangeError", "inner", "text"]);
  const ours = unpackThrown(packThrown(new JobdError("conflict", "no", { hint: "yes" }))) as JobdError;
  assert.ok(ours instanceof JobdError);
  assert.deepEqual([ours.code, ours.message, ours.hint], ["conflict", "no", "yes"]);
  const circle = new Error("round");
  circle.cause = circle;
  assert.match((unpackThrown(packThrown(circle)) as Error).message, /round/);
});
