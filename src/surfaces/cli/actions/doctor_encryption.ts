import { keyUse } from "../../../runtime/encryption/reencrypt.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import type { Finding } from "./doctor.ts";

/** The newest jobs that are looked at. */
const LOOK_MAX = 100_000;

/** Which keys the stored jobs need: whether an old one may be taken away. */
export async function checkEncryption(context: Context): Promise<Finding[]> {
  const { values: { encryptionKeys: ring, namespace } } = await context.config();
  if (ring === undefined) return [];
  const { jobs, more } = await keyUse({ driver: await context.driver(), namespace }, LOOK_MAX);
  const others = [...jobs].filter(([key]) => key !== ring.current);
  const missing = others.filter(([key]) => !Object.hasOwn(ring.keys, key));
  if (missing.length > 0) {
    return [{
      name: "encryption",
      value: `${needs(missing)}, which is not here`,
      level: "error",
      hint: "Add it to JOBD_ENCRYPTION_KEYS, behind the first one, then run `jobd reencrypt`.",
    }];
  }
  if (others.length > 0) {
    return [{
      name: "encryption",
      value: `${needs(others)}, and the current one is ${ring.current}`,
      level: "warning",
      hint: "Run `jobd reencrypt`; keep the old key until this is gone.",
    }];
  }
  const seen = more ? ` among the newest ${LOOK_MAX}; \`jobd reencrypt\` looks at all` : "";
  return [{ name: "encryption", value: `no job needs another key than ${ring.current}${seen}`, level: "ok" }];
}

function needs(use: readonly (readonly [string, number])[]): string {
  return use.map(([key, jobs]) =>
    `${count(jobs, "job")} of this namespace need${jobs === 1 ? "s" : ""} key ${key}`
  )
    .join(", ");
}
