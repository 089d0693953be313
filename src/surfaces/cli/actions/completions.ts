import { JobdError } from "../../../domain/errors.ts";
import { nearest } from "../../config/nearest.ts";
import type { Input } from "../command.ts";
import { COMMANDS, GROUPS } from "../commands.ts";
import { SHELLS } from "../commands/store.ts";
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import { completionTree } from "../completions/tree.ts";
import { zshCompletions } from "../completions/zsh.ts";
import type { Context } from "../context.ts";

const SCRIPTS = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions };

/** `jobd completions` */
export function printCompletions({ args }: Input, { out }: Context): Promise<void> {
  const shell = SHELLS.find((one) => one === args[0]);
  if (shell === undefined) {
    const meant = nearest(args[0] ?? "", SHELLS);
    throw new JobdError("invalid_request", `There are no completions for shell ${JSON.stringify(args[0])}`, {
      hint: meant === undefined ? `Known shells: ${SHELLS.join(", ")}.` : `Did you mean ${meant}?`,
    });
  }
  out.raw(SCRIPTS[shell](completionTree(COMMANDS, GROUPS)));
  return Promise.resolve();
}
