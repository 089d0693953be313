import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { VERSION } from "../version.ts";

/** `jobd version` */
export function printVersion(_: Input, { out }: Context): Promise<void> {
  const { deno, v8 } = Deno.version;
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  if (out.json) out.document({ jobd: VERSION, deno, v8, platform });
  else out.line(`jobd ${VERSION} (deno ${deno}, v8 ${v8}, ${platform})`);
  return Promise.resolve();
}
