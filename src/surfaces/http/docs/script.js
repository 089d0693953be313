// Shows the OpenAPI document and sends requests by hand. Everything that comes from outside is put in as text, never as HTML.

const byId = (id) => document.getElementById(id);

/** An element with attributes, texts and other elements in it. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Headers of every request. The token is in this page only: nothing is stored. */
function headers(extra = {}) {
  const namespace = byId("namespace").value.trim();
  return {
    authorization: `Bearer ${byId("token").value.trim()}`,
    ...(namespace === "" ? {} : { "jobd-namespace": namespace }),
    ...extra,
  };
}

function notice(text, bad = false) {
  const line = byId("notice");
  line.textContent = text;
  line.className = bad ? "bad" : "";
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const response = await fetch("v1/openapi.json", { headers: headers() });
    const answer = await response.json();
    if (!response.ok) return notice([answer.detail, answer.hint].filter(Boolean).join(". "), true);
    const operations = show(answer);
    notice(`${operations} operations. Requests that you send here are real ones.`);
    byId("search").hidden = false;
  } catch (error) {
    notice(`The API cannot be reached: ${error.message}`, true);
  }
});

byId("query").addEventListener("input", () => {
  const words = byId("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("section")) {
    let shown = 0;
    for (const one of section.querySelectorAll(":scope > details")) {
      one.hidden = !words.every((word) => one.dataset.text.includes(word));
      if (!one.hidden) shown++;
    }
    section.hidden = shown === 0;
  }
});

function show(api) {
  byId("version").textContent = api.info.version;
  const sections = new Map();
  let count = 0;
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!sections.has(tag)) sections.set(tag, element("section", {}, element("h2", {}, tag)));
      sections.get(tag).append(operationView(api, { path, method, operation }));
      count++;
    }
  }
  byId("operations").replaceChildren(...sections.values());
  return count;
}

function operationView(api, { path, method, operation }) {
  const view = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("span", { class: "path" }, path),
      element("span", { class: "dim" }, ` ${operation.summary}`),
    ),
  );
  view.dataset.text = `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
  // There are many: each is put together when somebody opens it.
  view.addEventListener("toggle", () => {
    if (view.open && view.children.length === 1) view.append(bodyView(api, { path, method, operation }));
  });
  return view;
}

function bodyView(api, { path, method, operation }) {
  const body = operation.requestBody?.content["application/json"].schema;
  // The namespace stands at the top, for all requests.
  const fields = operation.parameters.filter((parameter) => parameter.in !== "header").map((parameter) => ({
    ...parameter,
    input: element("input", { autocomplete: "off", "aria-label": parameter.name }),
  }));
  const text = body === undefined
    ? undefined
    : element("textarea", { "aria-label": "body", spellcheck: "false" });
  if (text !== undefined) text.value = JSON.stringify(example(api, body), null, 2);
  const send = element("button", { type: "button" }, "Send");
  const result = element("pre", { hidden: "" });
  send.addEventListener("click", () => request({ path, method, fields, text, result }));
  return element(
    "div",
    {},
    element("p", {}, operation.description),
    parametersView(api, fields),
    ...(text === undefined ? [] : [element("h3", {}, "Body"), text, schemaView(api, body)]),
    element("p", { class: "row" }, send),
    result,
    element("h3", {}, "Answers"),
    ...Object.entries(operation.responses).map(([status, response]) => answerView(api, status, response)),
  );
}

function parametersView(api, fields) {
  return element(
    "table",
    {},
    element("tr", {}, ...["Parameter", "Where", "What", "Value"].map((title) => element("th", {}, title))),
    ...fields.map(({ name, in: place, required, schema, input }) =>
      element(
        "tr",
        {},
        element("td", {}, element("code", {}, name), required ? " *" : ""),
        element("td", {}, place),
        element("td", {}, [typeText(api, schema), schema.description].filter(Boolean).join(": ")),
        element("td", {}, input),
      )
    ),
  );
}

function answerView(api, status, { description, content }) {
  const schema = content["application/json"]?.schema;
  const line = element("p", {}, element("code", {}, status), ` ${description}`);
  return schema === undefined ? line : element("div", {}, line, schemaView(api, schema));
}

function schemaView(api, schema) {
  const view = element("details", {}, element("summary", {}, "Schema"));
  view.addEventListener("toggle", () => {
    if (view.open && view.children.length === 1) {
      view.append(element("pre", {}, JSON.stringify(resolved(api, schema, []), null, 2)));
    }
  });
  return view;
}

async function request({ path, method, fields, text, result }) {
  result.hidden = false;
  result.className = "";
  const given = fields.filter(({ input }) => input.value !== "");
  const missing = fields.find(({ required, input }) => required && input.value === "");
  if (missing !== undefined) return fail(result, `${missing.name} is missing`);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    return encodeURIComponent(fields.find((one) => one.name === name && one.in === "path").input.value);
  });
  const query = new URLSearchParams(
    given.filter((one) => one.in === "query").map((one) => [one.name, one.input.value]),
  );
  const target = new URL(filled.replace(/^\/api\//, ""), document.baseURI);
  target.search = query;
  try {
    const response = await fetch(target, {
      method: method.toUpperCase(),
      headers: headers(text === undefined ? {} : { "content-type": "application/json" }),
      ...(text === undefined ? {} : { body: text.value }),
    });
    const answer = await response.text();
    result.className = response.ok ? "" : "bad";
    result.textContent = `${response.status} ${response.headers.get("x-request-id") ?? ""}\n\n${
      pretty(answer)
    }`;
  } catch (error) {
    fail(result, error.message);
  }
}

function fail(result, message) {
  result.className = "bad";
  result.textContent = message;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function target(api, { $ref }) {
  return api.components.schemas[$ref.split("/").at(-1)];
}

/** A schema with what it refers to put in its place, once: what refers to itself stays a name. */
function resolved(api, schema, inside) {
  if (Array.isArray(schema)) return schema.map((item) => resolved(api, item, inside));
  if (typeof schema !== "object" || schema === null) return schema;
  if (typeof schema.$ref === "string") {
    if (inside.includes(schema.$ref)) return schema.$ref;
    return resolved(api, target(api, schema), [...inside, schema.$ref]);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, item]) => [key, resolved(api, item, inside)]));
}

function typeText(api, schema) {
  if (schema.$ref !== undefined) return typeText(api, target(api, schema));
  if (schema.enum !== undefined) return schema.enum.join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeText(api, one)).join(" | ");
  if (schema.type === "array") return `list of ${typeText(api, schema.items ?? {})}`;
  return schema.const === undefined ? String(schema.type ?? "any") : JSON.stringify(schema.const);
}

/** A body to begin with: what must be there. */
function example(api, schema, depth = 0) {
  if (schema.$ref !== undefined) return example(api, target(api, schema), depth);
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return example(api, schema.anyOf[0], depth);
  if (schema.type === "array") return [];
  if (schema.type === "object" && depth < 4) {
    const required = schema.required ?? [];
    return Object.fromEntries(
      required.map((name) => [name, example(api, schema.properties[name], depth + 1)]),
    );
  }
  return { string: "", integer: 0, number: 0, boolean: false, null: null }[schema.type] ?? {};
}
