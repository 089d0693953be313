import type { CompletionNode } from "./tree.ts";

/** The completion script of zsh. */
export function zshCompletions(nodes: readonly CompletionNode[]): string {
  const steps = nodes.flatMap(({ path, words }) =>
    words.map(({ word }) => `"${path === "" ? word : `${path} ${word}`}"`)
  );
  const cases = nodes.map(({ path, words, values, flags }) => {
    const commands = [
      ...words.map(({ word, summary }) => pair(word, summary)),
      ...values.map((value) => quote(value)),
    ];
    const options = flags.map(({ flag, summary }) => pair(flag, summary));
    return `    "${path}")\n      commands=(${commands.join(" ")})\n      options=(${
      options.join(" ")
    })\n      ;;\n`;
  });
  const choices = nodes.flatMap(({ path, flags }) =>
    flags.filter(({ choices }) => choices.length > 0).map(({ flag, choices }) =>
      `    "${path}:${flag}") compadd -- ${choices.join(" ")}; return ;;\n`
    )
  );
  const valued = new Set(
    nodes.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)),
  );
  return `#compdef jobd
# Completions of jobd for zsh. Put this file as _jobd into a directory of $fpath.
_jobd() {
  local at="" word prev="\${words[CURRENT-1]}"
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${at:+$at }$word" in
      ${steps.join("|")}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at:$prev" in
${choices.join("")}  esac
  case "$prev" in
    ${[...valued].join("|")}) _files; return ;;
  esac
  case "$at" in
${cases.join("")}  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe option options
  elif (( \${#commands} )); then
    _describe command commands
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == "_jobd" ]]; then _jobd "$@"; else compdef _jobd jobd; fi
`;
}

function pair(word: string, summary: string): string {
  return quote(`${word}:${summary.replaceAll(":", "\\:")}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
