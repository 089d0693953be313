// `deno task docs`: writes the parts of the documents that come from tables in the program.
import { commandsDocument } from "../src/surfaces/cli/documents.ts";
import { envExample, settingsTable } from "../src/surfaces/config/documents.ts";

const root = new URL("../", import.meta.url);
const configuration = new URL("docs/configuration.md", root);

await Deno.writeTextFile(new URL(".env.example", root), envExample());
await Deno.writeTextFile(new URL("docs/commands.md", root), commandsDocument());
const text = await Deno.readTextFile(configuration);
const table = /(?<=<!-- deno-fmt-ignore-start -->\n)[^]*(?=<!-- deno-fmt-ignore-end -->)/;
await Deno.writeTextFile(configuration, text.replace(table, () => `\n${settingsTable()}\n`));
