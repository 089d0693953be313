import type { z } from "zod";
import type { Jobd } from "../../runtime/jobd.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import type { Role } from "../../domain/role.ts";

/** How an operation is called over HTTP; the fields of its input that the path does not name are query or body. */
export interface HttpBinding {
  /** The method: with GET and DELETE the rest of the input is in the query, else in the body. */
  method: "get" | "post" | "patch" | "delete";
  /** Its path below `/api/v1`; names in braces are fields of the input. */
  path: `/${string}`;
  /** The status of success. @default 200 */
  status?: 200 | 201 | 202;
}

/** What an operation may use besides its input. */
export interface Call {
  /** The store, as the caller's namespace. */
  jobd: Jobd;
  /** Aborted when an answer is of no use any more: the program stops, or the reader of a stream has gone. */
  signal: AbortSignal;
  /** Whose token it is; undefined where none is needed. */
  caller?: TokenView;
  /** Repeating a request for new jobs with the same key makes none twice. */
  idempotencyKey?: string;
}

/** A queue and a type that an operation touches, or one of them. */
export interface Touched {
  /** The queue. */
  queue?: string;
  /** The type. */
  type?: string;
}

/** A piece of an answer that goes on. */
export interface StreamItem {
  /** Where to go on after it. */
  id?: string;
  /** What it is. */
  event: string;
  /** The item. */
  data: unknown;
}

/** An input: fields by name. */
export type InputSchema = z.ZodObject;

/**
 * Something that can be done to jobd. Each is written once: HTTP routes and their OpenAPI document are made from it, and
 * so are the tools for agents.
 */
export interface Operation {
  /** Its name, unique: `jobs.get`. */
  readonly name: string;
  /** What it does, in one line without an end mark. */
  readonly summary: string;
  /** More about it. */
  readonly details?: string;
  /** What a caller must be allowed to do; `any` for all who have a token. */
  readonly role: Role | "any";
  /** How it is called over HTTP. */
  readonly http: HttpBinding;
  /** What it takes. */
  readonly input: InputSchema;
  /** What it gives. */
  readonly output: z.ZodType;
  /** Its name as a tool, when agents have it. */
  readonly tool?: string;
  /** Why agents do not have it. */
  readonly noTool?: string;
  /** Fields that agents who leave them out get another default for than others do. */
  readonly toolDefaults?: Readonly<Record<string, string | number>>;
  /** Whether it may lose something. */
  readonly destructive: boolean;
  /** Whether it may lose any number of things at once: agents have it only where somebody has allowed that. */
  readonly sweeping: boolean;
  /** Whether doing it twice is the same as doing it once; reading, changing and deleting always are. */
  readonly idempotent: boolean;
  /** Whether it takes many jobs, and so a longer body. */
  readonly bulk: boolean;
  /**
   * Whether its answer may come late: the caller that goes away meanwhile is noticed then, by the signal. What goes wrong late
   * cannot be told any more, so it must be no more than an answer with nothing in it.
   */
  readonly late: boolean;
  /** What it touches, where tokens may be for some queues and types only. */
  readonly touches?: (input: unknown) => readonly Touched[];
  /** Does it; without it the operation is a stream and nothing else. @throws {JobdError} */
  readonly run?: (call: Call, input: unknown) => Promise<unknown>;
  /** The same as a stream, for those who ask for one. */
  readonly stream?: (call: Call, input: unknown) => AsyncIterable<StreamItem>;
}

/** {@linkcode Operation} with the type of its input. That outputs are as their schemas say is tested on every answer. */
type Definition<I extends InputSchema> =
  & Omit<
    Operation,
    "input" | "run" | "stream" | "touches" | "destructive" | "sweeping" | "idempotent" | "bulk" | "late"
  >
  & {
    input: I;
    destructive?: boolean;
    sweeping?: boolean;
    idempotent?: boolean;
    bulk?: boolean;
    late?: boolean;
    touches?: (input: z.output<I>) => readonly Touched[];
    run?: (call: Call, input: z.output<I>) => Promise<unknown>;
    stream?: (call: Call, input: z.output<I>) => AsyncIterable<StreamItem>;
  };

/** Forgets the type of the input once schema and function have been checked against each other. */
export function operation<I extends InputSchema>(definition: Definition<I>): Operation {
  const idempotent = definition.http.method !== "post";
  return {
    destructive: false,
    sweeping: false,
    idempotent,
    bulk: false,
    late: false,
    ...definition,
  } as Operation;
}
