import type { Input } from "../command.ts";
import type { Context } from "../context.ts";

/** `jobd backup` */
export async function backup({ args }: Input, context: Context): Promise<void> {
  const { out } = context;
  const [file = ""] = args;
  const jobd = await context.jobd();
  out.progress(`Copying ${jobd.location}`);
  await jobd.backup(file);
  out.endProgress();
  if (out.json) out.document({ location: jobd.location, file });
  else out.line(`${jobd.location} copied to ${file}`);
}
