import type { CompletionNode } from "./tree.ts";

/** The completion script of fish. */
export function fishCompletions(nodes: readonly CompletionNode[]): string {
  const lines = nodes.flatMap(({ path, words, values, flags }) => {
    const here = condition(path, words.map(({ word }) => word));
    return [
      ...words.map(({ word, summary }) =>
        `complete -c jobd -n ${here} -f -a ${quote(word)} -d ${quote(summary)}`
      ),
      ...values.map((value) => `complete -c jobd -n ${here} -f -a ${quote(value)}`),
      // Flags of every command are declared once, at the beginning.
      ...flags.filter(({ flag }) => path === "" || !isCommon(flag, nodes)).map(
        ({ flag, summary, takesValue, choices }) => {
          const where = path === "" ? "" : ` -n ${here}`;
          const value = choices.length > 0 ? ` -x -a ${quote(choices.join(" "))}` : takesValue ? " -r" : "";
          return `complete -c jobd${where} -l ${flag.slice(2)}${value} -d ${quote(summary)}`;
        },
      ),
    ];
  });
  return `# Completions of jobd for fish. Put this file as jobd.fish into ~/.config/fish/completions.\n${
    lines.join("\n")
  }\n`;
}

function isCommon(flag: string, nodes: readonly CompletionNode[]): boolean {
  return nodes.find(({ path }) => path === "")?.flags.some((one) => one.flag === flag) ?? false;
}

function condition(path: string, words: readonly string[]): string {
  if (path === "") return quote("__fish_use_subcommand");
  const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  return quote(words.length === 0 ? seen : `${seen}; and not __fish_seen_subcommand_from ${words.join(" ")}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
