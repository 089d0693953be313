import { show } from "../domain/errors.ts";

/** A validator that speaks Standard Schema 1 (https://standardschema.dev), as those of most libraries do. */
export interface PayloadSchema<Input = unknown, Output = Input> {
  /** What the protocol asks for. */
  readonly "~standard": {
    /** Of the protocol. */
    readonly version: 1;
    /** Whose validator it is. */
    readonly vendor: string;
    /** For the type checker only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Looks at a value. */
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

/** What a validator says: what it made of the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. */
export interface SchemaIssue {
  /** For people. */
  readonly message: string;
  /** Where: the keys from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Issues that one message names. */
const ISSUES_MAX = 3;

/** What a validator makes of a payload; the payload itself when there is no validator. */
export function checkPayload(
  schema: PayloadSchema | undefined,
  payload: unknown,
): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  return schema === undefined ? { value: payload } : schema["~standard"].validate(payload);
}

/** The first issues in one line: `to: Invalid email; items.0: Required`. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  const texts = issues.slice(0, ISSUES_MAX).map(({ path = [], message }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
    return keys.length === 0 ? message : `${show(keys.join(".")).slice(1, -1)}: ${message}`;
  });
  const more = issues.length - texts.length;
  return texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
