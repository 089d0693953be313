import assert from "node:assert/strict";
import { openApi } from "../../src/surfaces/http/openapi.ts";
import { OPERATIONS } from "../../src/surfaces/operations/table.ts";

interface Described {
  parameters: { name: string }[];
  requestBody?: { content: { "application/json": { schema: { properties: Record<string, unknown> } } } };
}

Deno.test("the document names each field of each operation, in its path, its query or its body", () => {
  const { paths } = openApi("0.0.0") as { paths: Record<string, Record<string, Described>> };
  for (const { name, http, input } of OPERATIONS) {
    const described = paths[`/api/v1${http.path}`]?.[http.method];
    assert.ok(described, name);
    const { parameters, requestBody } = described;
    const body = Object.keys(requestBody?.content["application/json"].schema.properties ?? {});
    const named = [...parameters.map((parameter) => parameter.name), ...body];
    assert.deepEqual(Object.keys(input.shape).filter((field) => !named.includes(field)), [], name);
  }
});
