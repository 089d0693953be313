import type { CompletionNode } from "./tree.ts";

/** The completion script of bash; it needs nothing but bash itself. */
export function bashCompletions(nodes: readonly CompletionNode[]): string {
  const steps = nodes.flatMap(({ path, words }) => words.map(({ word }) => `"${join(path, word)}"`));
  const valued = new Set(
    nodes.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)),
  );
  const values = nodes.flatMap(({ path, flags }) =>
    flags.filter(({ choices }) => choices.length > 0).map(({ flag, choices }) =>
      `    "${path}:${flag}") choices="${choices.join(" ")}" ;;\n`
    )
  );
  const words = nodes.map(({ path, words, values, flags }) => {
    const own = [...words.map(({ word }) => word), ...values].join(" ");
    return `    "${path}") words="${own}" flags="${flags.map(({ flag }) => flag).join(" ")}" ;;\n`;
  });
  return `# Completions of jobd for bash. Load them with: source <(jobd completions bash)
_jobd() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" word="" last="" words="" flags="" choices=""
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$last" in
      ${[...valued].join("|")}) last=""; continue ;;
    esac
    last="$word"
    case "\${path:+$path }$word" in
      ${steps.join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path:$prev" in
${values.join("")}  esac
  if [[ -n "$choices" ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
    return
  fi
  case "$prev" in
    ${[...valued].join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case "$path" in
${words.join("")}  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _jobd jobd
`;
}

function join(path: string, word: string): string {
  return path === "" ? word : `${path} ${word}`;
}
