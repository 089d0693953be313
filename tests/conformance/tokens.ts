import assert from "node:assert/strict";
import type { Token } from "../../src/domain/token.ts";
import { type Chapter, MINUTE, T } from "./world.ts";

function token(id: string, over: Partial<Token> = {}): Token {
  return {
    id,
    name: `for ${id}`,
    hash: `hash of ${id}`,
    role: "operate",
    namespace: null,
    queues: null,
    types: null,
    createdAt: T,
    expiresAt: null,
    revokedAt: null,
    ...over,
  };
}

export const tokensChapter: Chapter = {
  "a token is found by its hash, with all that it may": async (w) => {
    const bound = token("b", {
      role: "enqueue",
      namespace: "acme",
      queues: ["q", "r"],
      types: ["t"],
      expiresAt: T + MINUTE,
    });
    await w.driver.addToken(token("a"));
    await w.driver.addToken(bound);
    assert.deepEqual(await w.driver.tokenByHash("hash of a"), token("a"));
    assert.deepEqual(await w.driver.tokenByHash("hash of b"), bound);
    assert.equal(await w.driver.tokenByHash("hash of c"), undefined);
  },
  "a token with an id that is there is refused": async (w) => {
    await w.driver.addToken(token("a"));
    await assert.rejects(w.driver.addToken(token("a", { hash: "other" })), { code: "conflict" });
    assert.deepEqual(await w.driver.tokens(), [token("a")]);
  },
  "tokens are listed newest first, whatever their state": async (w) => {
    await w.driver.addToken(token("old", { createdAt: T, expiresAt: T + 1 }));
    await w.driver.addToken(token("new", { createdAt: T + MINUTE }));
    await w.driver.addToken(token("both", { createdAt: T + MINUTE }));
    assert.deepEqual((await w.driver.tokens()).map(({ id }) => id), ["both", "new", "old"]);
  },
  "a token is revoked once; the time of the first stays": async (w) => {
    await w.driver.addToken(token("a"));
    assert.equal(await w.driver.revokeToken("a", T + 5), true);
    assert.equal(await w.driver.revokeToken("a", T + 9), true);
    assert.equal(await w.driver.revokeToken("b", T + 9), false);
    assert.deepEqual(await w.driver.tokens(), [token("a", { revokedAt: T + 5 })]);
  },
};
