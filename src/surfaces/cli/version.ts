import manifest from "../../../deno.json" with { type: "json" };

/** The version of jobd. */
export const VERSION: string = manifest.version;
