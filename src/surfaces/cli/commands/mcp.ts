import { ROLES } from "../../../domain/role.ts";
import { choice, nameOf } from "../../config/readers.ts";
import { type Command, command, list, value } from "../command.ts";

/** The command for agents. */
export const MCP_COMMANDS: readonly Command[] = [
  command({
    path: "mcp",
    summary: "Serve agents on stdin and stdout by the Model Context Protocol",
    details:
      "An agent's program starts it and speaks to it; nothing but the protocol is written to stdout, and it ends with stdin. " +
      "Agents that run in jobs are known by JOBD_ATTEMPT, which their environment has. A daemon serves the same at /mcp.",
    options: {
      role: value(choice(ROLES), "role", "what the agent may do, as for tokens", { default: "operate" }),
      queue: list(nameOf("queue"), "name", "for these queues only (roles enqueue and work)", {
        short: "q",
        commas: true,
      }),
      type: list(nameOf("type"), "name", "for jobs of these types only (roles enqueue and work)", {
        short: "t",
        commas: true,
      }),
    },
    examples: [
      ["claude mcp add jobd -- jobd mcp --database-url sqlite:/path/to/jobd.db", "for Claude Code"],
      ["jobd mcp --role read", "an agent that looks and does not touch"],
      [
        "jobd mcp --role enqueue --type email.send",
        "an agent that enqueues jobs of one type and does nothing else",
      ],
    ],
    run: async (...given) => (await import("../actions/mcp.ts")).mcp(...given),
  }),
];
