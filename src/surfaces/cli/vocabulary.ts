import type { Command } from "./command.ts";

/** Names and summaries of the groups of commands. */
export type Groups = Readonly<Record<string, string>>;

/** What can be typed. */
export interface Vocabulary {
  /** The table of commands. */
  commands: readonly Command[];
  /** Its groups. */
  groups: Groups;
  /** The command when none is named. */
  fallback: string;
}

/** How far the words of a command line lead: nowhere (no words), to a group, or to a command. */
export interface Place {
  /** The words of the group or the command. */
  readonly words: readonly string[];
  /** The command that is named. */
  readonly command: Command | undefined;
}
