import { JobdError } from "../../domain/errors.ts";
import { nearest } from "../config/nearest.ts";
import type { Command } from "./command.ts";
import { flagTerm } from "./flags.ts";
import { knownFlags, type Problem } from "./scan.ts";
import type { Place, Vocabulary } from "./vocabulary.ts";

/** What is wrong with one word of a command line, and what was probably meant. */
export function problemError(problem: Problem, place: Place, vocabulary: Vocabulary): JobdError {
  switch (problem.kind) {
    case "unknown command":
      return unknownCommand(problem.text, place, vocabulary);
    case "unknown option":
      return unknownOption(problem.text, place, vocabulary);
    case "value missing":
      return wrong(`Option ${JSON.stringify(flagTerm(problem.flag))} argument missing`, place);
    case "value unwanted":
      return wrong(`Option ${JSON.stringify(flagTerm(problem.flag))} takes no value`, place);
  }
}

/** A group without one of its commands. */
export function groupError(place: Place, vocabulary: Vocabulary): JobdError {
  const group = place.words.join(" ");
  return wrong(`"jobd ${group}" needs one of: ${nextWords(place, vocabulary).join(", ")}`, place);
}

/** Too few arguments, or too many; undefined when the number is right. */
export function argumentError(
  { path, args }: Command,
  given: readonly string[],
  place: Place,
): JobdError | undefined {
  const missing = args.find(({ required = true }, index) => required && index >= given.length);
  if (missing !== undefined) return wrong(`Missing required argument ${JSON.stringify(missing.name)}`, place);
  if (given.length <= args.length || args.at(-1)?.many) return undefined;
  const expected = `${args.length} ${args.length === 1 ? "argument" : "arguments"}`;
  return wrong(
    `Too many arguments for "${path}": expected ${expected} but got ${given.length}: ${given.join(", ")}`,
    place,
  );
}

function unknownCommand(text: string, place: Place, vocabulary: Vocabulary): JobdError {
  const word = text.slice(place.words.join(" ").length).trimStart();
  const meant = nearest(word, new Set(nextWords(place, vocabulary)));
  return wrong(`Unknown command ${JSON.stringify(text)}`, place, meant);
}

function unknownOption(text: string, place: Place, vocabulary: Vocabulary): JobdError {
  const path = place.words.length === 0 ? vocabulary.fallback : place.words.join(" ");
  const known = knownFlags(vocabulary.commands.find((command) => command.path === path));
  const message = `Unknown option ${JSON.stringify(text)}`;
  if (known.has(text)) {
    return new JobdError("invalid_request", `${message} before the command`, {
      hint: `Give it after the command: \`jobd ${path} ${text}\`.`,
    });
  }
  return wrong(message, place, nearest(text, [...known.keys()].filter((flag) => flag.startsWith("--"))));
}

/** The words that can follow. */
function nextWords({ words }: Place, { commands }: Vocabulary): string[] {
  return commands.map(({ path }) => path.split(" "))
    .filter((path) => words.every((word, index) => path[index] === word))
    .map((path) => path[words.length] ?? "");
}

function wrong(message: string, { words }: Place, meant?: string): JobdError {
  const help = `See \`${["jobd", ...words].join(" ")} --help\`.`;
  const hint = meant === undefined ? help : `Did you mean ${meant}? ${help}`;
  return new JobdError("invalid_request", message, { hint });
}
