import { z } from "zod";
import type { Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";
import { placesOf } from "./input.ts";

type Schema = { [key: string]: unknown };

const PROBLEM: Schema = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "what is wrong this time" },
    code: { type: "string", description: "the stable code" },
    hint: { type: "string", description: "what to do about it" },
    requestId: { type: "string" },
  },
};

/** What every operation may answer besides success. */
const REFUSALS: Record<string, string> = {
  400: "Something in the request is wrong; `detail` names it",
  401: "No token, or one that is not good",
  403: "The token does not allow it, or host or origin are not jobd's",
  404: "There is no such thing",
  406: "The answer is a stream, or none",
  408: "The body took too long to arrive",
  409: "The thing is not in a state in which this can be done",
  413: "The body is too large",
  414: "The address of the request is too long",
  415: "The body is not application/json",
  500: "jobd failed",
  503: "The store cannot be reached or used, or too many requests are being answered",
  504: "It took too long",
};

/** The OpenAPI 3.1 document of all operations, made from the schemas that check requests. */
export function openApi(version: string): Schema {
  const components: Record<string, Schema> = { Problem: PROBLEM };
  const paths: Record<string, Record<string, Schema>> = {};
  for (const operation of OPERATIONS) {
    const { method, path } = operation.http;
    (paths[`/api/v1${path}`] ??= {})[method] = operationObject(operation, components);
  }
  return {
    openapi: "3.1.0",
    info: { title: "jobd", version, license: { name: "MIT", identifier: "MIT" } },
    security: [{ token: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationObject(operation: Operation, components: Record<string, Schema>): Schema {
  const { name, summary, details, role, http, input, output, run, stream } = operation;
  const places = placesOf(operation);
  const { properties = {}, required = [] } = resolved(schemaOf(input, "input", components), components) as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  const parameter = (where: "path" | "query") => (field: string): Schema => ({
    name: field,
    in: where,
    required: where === "path" || required.includes(field),
    schema: properties[field] ?? {},
    ...(where === "query" ? { style: "form", explode: true } : {}),
  });
  const inBody = Object.keys(properties).filter((field) =>
    ![...places.path, ...places.query].includes(field)
  );
  const hasBody = http.method === "post" || http.method === "patch";
  const answer = schemaOf(output, "output", components);
  return {
    operationId: name,
    tags: [name.split(".")[0]],
    summary,
    description: [details, role === "any" ? "Any token will do." : `Needs the role \`${role}\`.`].filter(
      Boolean,
    ).join(" "),
    parameters: [
      ...places.path.map(parameter("path")),
      ...places.query.map(parameter("query")),
      { name: "Jobd-Namespace", in: "header", required: false, schema: { type: "string" } },
    ],
    ...(hasBody && inBody.length > 0
      ? {
        requestBody: {
          required: required.some((field) => inBody.includes(field)),
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: Object.fromEntries(inBody.map((field) => [field, properties[field] ?? {}])),
                required: required.filter((field) => inBody.includes(field)),
                additionalProperties: false,
              },
            },
          },
        },
      }
      : {}),
    responses: {
      [http.status ?? 200]: {
        description: "Done",
        content: {
          ...(run === undefined ? {} : { "application/json": { schema: answer } }),
          ...(stream === undefined ? {} : { "text/event-stream": { schema: { type: "string" } } }),
        },
      },
      ...Object.fromEntries(
        Object.entries(REFUSALS).map(([status, description]) => [status, {
          description,
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        }]),
      ),
    },
  };
}

/** Where schemas with names of their own are. */
const COMPONENTS = "#/components/schemas/";

/** A schema as JSON Schema, with those that have names of their own moved to the components. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: Record<string, Schema>): Schema {
  const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as
    & Schema
    & {
      $defs?: Record<string, Schema>;
    };
  for (const [name, definition] of Object.entries($defs)) {
    components[name] ??= referring(definition) as Schema;
  }
  return referring(own) as Schema;
}

/** The schema itself, where only its name stands. */
function resolved(schema: Schema, components: Record<string, Schema>): Schema {
  const name = typeof schema.$ref === "string" ? schema.$ref.replace(COMPONENTS, "") : undefined;
  return name === undefined ? schema : components[name] ?? schema;
}

function referring(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(referring);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => key !== "id" || typeof (value as Schema).id !== "string").map(
      ([key, item]) => [
        key,
        key === "$ref" && typeof item === "string" ? item.replace("#/$defs/", COMPONENTS) : referring(item),
      ],
    ),
  );
}
