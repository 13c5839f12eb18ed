import { expect, test } from "vitest";
import { createApp } from "../../worker/app.ts";
import { request } from "./control-plane.ts";

/** A route's path as an OpenAPI document writes it, below `/api/v1`. */
function toOpenApiPath(path: string): string {
  return path
    .slice("/api/v1".length)
    .replace("/:machines{machines:batch}", "/machines:batch")
    .replaceAll(/\/:(\w+)(?:\{[^}]*\})?/g, "/{$1}");
}

test("the OpenAPI document tells of every route, and of nothing else", async () => {
  const { status, json } = await request("GET", "/api/v1/openapi.json");
  expect(status).toBe(200);
  expect(json.openapi).toBe("3.1.0");
  const told = Object.entries(json.paths as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = createApp()
    .routes.filter(({ path, method }) => path.startsWith("/api/v1/") && method !== "ALL")
    .map(({ method, path }) => `${method} ${toOpenApiPath(path)}`)
    .filter((route) => route !== "GET /openapi.json");
  expect(told.sort()).toEqual([...new Set(served)].sort());
});

test("it holds the schemas that bodies are checked by", async () => {
  const { paths } = (await request("GET", "/api/v1/openapi.json")).json;
  const { schema } = paths["/sites/{site}/machines/{id}"].put.requestBody.content["application/json"];
  expect(schema).toMatchObject({
    type: "object",
    additionalProperties: false,
    properties: { macs: { type: "array", maxItems: 16 }, protected: { type: "boolean" } },
  });
  const arm = paths["/sites/{site}/arm"].post;
  expect(arm.requestBody.content["application/json"].schema.required).toEqual(["profile"]);
  expect(arm.parameters).toContainEqual(
    expect.objectContaining({ name: "site", in: "path", required: true }),
  );
  expect(arm.responses.default.content).toHaveProperty(["application/problem+json"]);
});
