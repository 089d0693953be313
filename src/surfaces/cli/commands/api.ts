import { ROLES } from "../../../domain/role.ts";
import { choice, duration, nameOf } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, list, value } from "../command.ts";

const tokenName: ArgumentSpec = { name: "name", summary: "what it is for" };
const tokenId: ArgumentSpec = { name: "id", summary: "as `jobd tokens list` shows it", many: true };

/** Commands about the HTTP API. */
export const API_COMMANDS: readonly Command[] = [
  command({
    path: "serve",
    summary: "Serve the HTTP API and look after the store, without running jobs",
    details:
      "The store must have been migrated. With workers elsewhere it is all that is needed: it lets due jobs go, takes jobs back from workers that are gone, and makes jobs of schedules.",
    servesApi: true,
    examples: [
      ["jobd serve", "the API at http://127.0.0.1:8080"],
      [
        "API_TLS_CERT=cert.pem API_TLS_KEY=key.pem jobd serve --api-host 0.0.0.0 --api-hosts jobs.example.com",
        "for other machines",
      ],
    ],
    run: async (...given) => (await import("../actions/api.ts")).serve(...given),
  }),
  command({
    path: "tokens create",
    summary: "Make a token for the HTTP API; its secret is shown once",
    details:
      "With --namespace the token sees that tenant only; without it the role must be admin to see others.",
    args: [tokenName],
    options: {
      role: value(
        choice(ROLES),
        "role",
        "what it may do: read; enqueue (and nothing else); work (run jobs elsewhere); operate (read, enqueue, act on jobs, queues and schedules); admin (all)",
        { default: "operate" },
      ),
      only: value(nameOf("namespace"), "namespace", "see this tenant only"),
      queue: list(nameOf("queue"), "name", "for these queues only (roles enqueue and work)", {
        short: "q",
        commas: true,
      }),
      type: list(nameOf("type"), "name", "for jobs of these types only (roles enqueue and work)", {
        short: "t",
        commas: true,
      }),
      expires: value(duration("1m"), "duration", "good for this long", {}),
    },
    examples: [
      ["jobd tokens create me --role admin", "for yourself"],
      ["jobd tokens create shop --role enqueue --queue emails --expires 90d", "for a program that enqueues"],
    ],
    run: async (...given) => (await import("../actions/tokens.ts")).createToken(...given),
  }),
  command({
    path: "tokens list",
    summary: "List the tokens of the HTTP API",
    examples: [["jobd tokens list", "who may call, as what, until when"]],
    run: async (...given) => (await import("../actions/tokens.ts")).listTokens(...given),
  }),
  command({
    path: "tokens revoke",
    summary: "Take tokens back: within a second nobody is let in with them",
    args: [tokenId],
    examples: [["jobd tokens revoke Xy3kPq8a", "by its id, which is the beginning of its secret too"]],
    run: async (...given) => (await import("../actions/tokens.ts")).revokeTokens(...given),
  }),
];
