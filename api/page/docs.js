"use strict";

// Makes the list of operations from the OpenAPI document. Text only ever enters
// the page as text.

const element = (tag, text, attributes = {}) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
};

const methods = ["get", "post", "put", "patch", "delete"];

const show = (api) => {
  const resolve = (schema) =>
    schema && schema.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;

  const typeOf = (schema) => {
    if (!schema) return "";
    if (schema.$ref) return schema.$ref.split("/").pop();
    const types = [].concat(schema.type ?? "any").filter((t) => t !== "null");
    if (types[0] === "array") return `list of ${typeOf(schema.items)}`;
    if (schema.enum) return schema.enum.join(" | ");
    return [types.join(" or "), schema.format].filter(Boolean).join(", ");
  };

  const table = (rows) => {
    const t = element("table");
    for (const [name, type, text] of rows) {
      const row = t.insertRow();
      row.append(element("th", name, { scope: "row" }));
      row.insertCell().textContent = type;
      row.insertCell().textContent = text ?? "";
    }
    return t;
  };

  // Fields of an object, and of the objects in it; a type within itself stops.
  const fields = (schema, prefix = "", seen = []) => {
    const s = resolve(schema);
    if (!s || seen.includes(s)) return [];
    if (s.type === "array" || (Array.isArray(s.type) && s.type.includes("array"))) {
      return fields(s.items, `${prefix}[]`, [...seen, s]);
    }
    const rows = [];
    for (const [name, property] of Object.entries(s.properties ?? {})) {
      const path = prefix ? `${prefix}.${name}` : name;
      const needed = (s.required ?? []).includes(name) ? "" : " (optional)";
      rows.push([path, typeOf(property) + needed, property.description]);
      rows.push(...fields(property, path, [...seen, s]));
    }
    return rows;
  };

  const operation = (path, method, op) => {
    const article = element("article", undefined, { id: op.operationId });
    const heading = element("h3");
    heading.append(element("span", method.toUpperCase(), { class: "method" }), path);
    article.append(heading, element("p", op.summary));
    if (!op.security) article.append(element("p", "Needs no login.", { class: "note" }));
    const parameters = (op.parameters ?? []).map((p) => [
      p.name,
      `${p.in}, ${typeOf(p.schema)}`,
      p.description || p.schema?.description,
    ]);
    if (parameters.length > 0) article.append(element("h4", "Parameters"), table(parameters));
    for (const [type, media] of Object.entries(op.requestBody?.content ?? {})) {
      article.append(element("h4", `Body: ${type}`), table(fields(media.schema)));
    }
    for (const [status, response] of Object.entries(op.responses ?? {})) {
      if (status === "default") continue;
      article.append(element("h4", `${status} ${response.description ?? ""}`));
      for (const media of Object.values(response.content ?? {})) article.append(table(fields(media.schema)));
    }
    return article;
  };

  const toc = document.getElementById("toc");
  const list = document.getElementById("operations");
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of methods) {
      const op = item[method];
      if (!op) continue;
      const tag = op.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([path, method, op]);
    }
  }
  for (const [tag, operations] of groups) {
    toc.append(element("h3", tag));
    list.append(element("h2", tag));
    for (const [path, method, op] of operations) {
      toc.append(element("a", `${method.toUpperCase()} ${path}`, { href: `#${op.operationId}` }));
      list.append(operation(path, method, op));
    }
  }
  // The page was empty when the browser looked for the anchor.
  if (location.hash.length > 1) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
};

fetch("/v1/openapi.json", { credentials: "omit" })
  .then((answer) => {
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  })
  .then(show)
  .catch((err) => {
    document.getElementById("operations").append(element("p", `The list of operations could not be read: ${err.message}.`));
  });
