import { reset } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { OPERATIONS } from "../../worker/api/api.ts";
import { createApp } from "../../worker/app.ts";
import { api, createProfiles, createSite, request } from "./control-plane.ts";
import { operationOf } from "./documented.ts";

afterEach(reset);

/** A route's path as an OpenAPI document writes it, below `/api/v1`. */
function toOpenApiPath(path: string): string {
  return path
    .slice("/api/v1".length)
    .replace(/\/:segment\{([^}]*)\}/, "/$1")
    .replaceAll(/\/:(\w+)(?:\{[^}]*\})?/g, "/{$1}");
}

/** A schema, and all that it is made of. */
function nested(schema: z.core.$ZodType): z.ZodType[] {
  const { def } = (schema as z.ZodType)._zod as unknown as { def: Record<string, unknown> };
  const members = ["shape", "options", "element", "innerType", "in", "out", "valueType"].flatMap((key) => {
    const value = def[key];
    if (value instanceof z.ZodType) return [value];
    return typeof value === "object" && value !== null ? Object.values(value) : [];
  });
  const parts = members.filter((member): member is z.ZodType => member instanceof z.ZodType);
  return [schema as z.ZodType, ...parts.flatMap(nested)];
}

async function readDocument() {
  const { status, json } = await request("GET", "/api/v1/openapi.json");
  expect(status).toBe(200);
  return json;
}

/** DESIGN.md's "Contract", below `/api/v1`. */
const CONTRACT = [
  ...["profiles", "templates", "images"].flatMap((kind) => [
    `PUT,GET,DELETE /${kind}/{name}`,
    `GET /${kind}/{name}/revisions`,
    `POST /${kind}/{name}/rollback`,
  ]),
  "GET /secrets",
  "GET,PUT,DELETE /secrets/{name}",
  "POST /keys/rotate",
  "GET /audit",
  "POST,GET /tokens",
  "GET,DELETE /tokens/{id}",
  "POST,GET /sites",
  "PUT,GET,DELETE /sites/{site}",
  "POST /sites/{site}/join-tokens",
  "GET,DELETE /sites/{site}/relays/{id}",
  "POST /relays/join",
  "POST,GET /sites/{site}/boot-tokens",
  "DELETE /sites/{site}/boot-tokens/{id}",
  "PUT,GET,PATCH,DELETE /sites/{site}/machines/{id}",
  "GET /sites/{site}/machines",
  "POST /sites/{site}/machines:batch",
  "POST /sites/{site}/machines/{id}/arm",
  "POST /sites/{site}/machines/{id}/disarm",
  "POST /sites/{site}/arm",
  "GET /sites/{site}/machines/{id}/attempts",
  "GET /sites/{site}/machines/{id}/timeline",
  "GET /sites/{site}/machines/{id}/preview",
  "GET /sites/{site}/discovered",
  "GET /sites/{site}/events",
  "POST,PUT /images/{name}/files/{path}",
];

describe("the OpenAPI document", () => {
  test("tells of every route, and of nothing else", async () => {
    const { openapi, paths } = await readDocument();
    expect(openapi).toBe("3.1.0");
    const told = Object.entries(paths as Record<string, object>).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = createApp()
      .routes.filter(({ path, method }) => path.startsWith("/api/v1/") && method !== "ALL")
      .map(({ method, path }) => `${method} ${toOpenApiPath(path)}`)
      .filter((route) => route !== "GET /openapi.json");
    expect(told.sort()).toEqual([...new Set(served)].sort());
  });

  test("has every route of the contract", () => {
    const known = new Set(OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`));
    const missing = CONTRACT.flatMap((line) => {
      const [methods, path] = line.split(" /");
      return methods!
        .split(",")
        .flatMap((method) => (known.has(`${method} /${path}`) ? [] : `${method} /${path}`));
    });
    expect(missing).toEqual([]);
  });

  test("names every operation, parameter, role and problem", async () => {
    const { paths, components } = await readDocument();
    const put = paths["/sites/{site}/machines/{id}"].put;
    expect(put).toMatchObject({ operationId: "putMachine", security: [{ token: ["operator"] }] });
    expect(put.requestBody.content["application/json"].schema).toEqual({
      $ref: "#/components/schemas/MachineInput",
    });
    expect(components.schemas.MachineInput).toMatchObject({
      type: "object",
      additionalProperties: false,
      properties: { macs: { type: "array", maxItems: 16 }, protected: { type: "boolean" } },
    });
    expect(
      put.parameters.map(({ name, in: place }: { name: string; in: string }) => `${place} ${name}`),
    ).toEqual(["path site", "path id", "header If-Match", "header If-None-Match"]);
    expect(put.responses[201].headers).toHaveProperty("ETag");
    expect(put.responses[412].description).toContain("urn:pxedge:problem:precondition-failed");
    expect(put.responses[422].content).toHaveProperty(["application/problem+json"]);

    const arm = paths["/sites/{site}/arm"].post;
    expect(arm.parameters.map(({ name }: { name: string }) => name)).toContain("Idempotency-Key");
    expect(components.schemas.SiteArmOrder.required).toEqual(["profile"]);
    expect(arm.responses[409].description).toContain("urn:pxedge:problem:confirmation-required");
    expect(paths["/relays/join"].post.security).toEqual([]);
    expect(paths["/tokens"].get.security).toEqual([{ token: ["admin"] }]);
    expect(paths["/sites"].get.security).toEqual([{ token: ["viewer"] }]);
  });

  test("has no operation twice, and no path parameter that is not described", () => {
    const ids = OPERATIONS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, path, params } of OPERATIONS) {
      const named = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name!);
      expect(Object.keys(params?.shape ?? {}).sort(), id).toEqual(named.sort());
    }
  });

  test("has an example of every body, and only examples that fit", () => {
    for (const { id, body, responses } of OPERATIONS) {
      for (const schema of [body, ...Object.values(responses).map((response) => response.schema)]) {
        if (schema === undefined) continue;
        const examples = nested(schema).flatMap((each) => {
          const found = (z.globalRegistry.get(each)?.examples ?? []) as unknown[];
          for (const example of found) {
            expect(each.safeParse(example).error, `${id}: ${JSON.stringify(example)}`).toBeUndefined();
          }
          return found;
        });
        expect(examples.length, id).toBeGreaterThan(0);
        if (schema instanceof z.ZodUnion) continue;
        expect(z.globalRegistry.get(schema)?.examples, `${id}: of the whole body`).toBeDefined();
      }
    }
  });
});

test("every operation answers as it is documented", async () => {
  await createSite("lab", { policy: "discover" });
  await createProfiles();
  const seen = new Set<string>();
  /** The answer itself is held against the operation's schemas by `request`. */
  const call = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const reply = await api(method, path, body, headers);
    expect(reply.status, `${method} ${path}: ${reply.text}`).toBeLessThan(300);
    seen.add(operationOf(method, `/api/v1${path}`)!.id);
    return reply.json;
  };

  await call("POST", "/sites", { name: "other" });
  await call("PUT", "/sites/other", { bootWaitSeconds: null });
  await call("PUT", "/sites/other?dryRun=true", { bootWaitSeconds: 60 });
  await call("GET", "/sites");
  await call("GET", "/sites/other");
  await call("DELETE", "/sites/other");

  const { token } = await call("POST", "/sites/lab/join-tokens");
  const { relayId, credential } = await call("POST", "/relays/join", { token });
  const stranger = { authorization: `Bearer ${credential}`, "pxedge-client-mac": "52:54:00:00:00:99" };
  await request("GET", "/boot/52-54-00-00-00-99/script.ipxe?serial=S1&arch=x86_64", { headers: stranger });
  await call("GET", "/sites/lab/discovered");
  await call("GET", "/sites/lab/relays");
  await call("GET", `/sites/lab/relays/${relayId}`);
  await call("DELETE", `/sites/lab/relays/${relayId}`);
  const bootToken = await call("POST", "/sites/lab/boot-tokens", { description: "rack a" });
  await call("GET", "/sites/lab/boot-tokens");
  await call("DELETE", `/sites/lab/boot-tokens/${bootToken.id}`);

  const machine = "/sites/lab/machines/node1";
  await call("PUT", machine, { macs: ["52:54:00:00:00:01"], labels: { rack: "a1" }, profile: "debian-12" });
  await call("PATCH", machine, { labels: { rack: "a2" } });
  await call("GET", machine);
  await call("POST", "/sites/lab/machines:batch", { put: [{ id: "node2", macs: ["52:54:00:00:00:02"] }] });
  await call("GET", "/sites/lab/machines?selector=rack=a2&q=node");
  await call("GET", `${machine}/preview`);
  await call("POST", `${machine}/arm`, {}, { "idempotency-key": "k" });
  await call("POST", `${machine}/arm`, {}, { "idempotency-key": "k" });
  await call("POST", `${machine}/disarm`);
  await call("POST", "/sites/lab/arm", { ids: ["node1", "node2"], profile: "debian-12" });
  await call("GET", `${machine}/preview?profile=debian-12`);
  await call("GET", `${machine}/attempts`);
  await call("GET", `${machine}/timeline`);
  await call("GET", "/sites/lab/events?limit=3");
  await call("POST", `${machine}/disarm`);
  await call("DELETE", machine);

  for (const kind of ["profiles", "templates", "images"]) {
    const name = (await call("GET", `/${kind}`)).items[0].name;
    await call("GET", `/${kind}/${name}`);
    const { items } = await call("GET", `/${kind}/${name}/revisions`);
    await call("POST", `/${kind}/${name}/rollback`, { revision: items[0].revision });
  }
  const { text } = await call("GET", "/templates/answer");
  await call("POST", "/templates/answer/diff", { text });
  await call("POST", "/profiles/debian-12/diff", { document: { mode: "local" } });
  await call("PUT", "/templates/answer", { text });
  await call("PUT", "/profiles/disk", { mode: "local" });
  await call("POST", "/documents:batch", {
    put: [{ kind: "profile", name: "idle", document: { mode: "local" } }],
    dryRun: true,
  });
  const { files } = await call("GET", "/images/debian-12");
  await call("PUT", "/images/copy", { files: { linux: { sha256: files.linux.sha256 } } });
  await call("DELETE", "/profiles/debian-12");
  for (const path of ["/profiles/disk", "/templates/answer", "/images/copy"]) await call("DELETE", path);

  const file = "/images/copy/files/boot/linux";
  const { uploadId } = await call("POST", `${file}?uploads`);
  await call("PUT", `${file}?uploadId=${uploadId}&part=1`, new Uint8Array(9), { "content-length": "9" });
  await call("GET", file);
  await call("GET", `${file}?uploadId=${uploadId}`);
  await call("DELETE", `${file}?uploadId=${uploadId}`);
  await call("PUT", "/boot-files/snponly.efi", new Uint8Array(7), { "content-length": "7" });
  await call("GET", "/boot-files");
  await call("DELETE", "/boot-files/snponly.efi");

  await call("PUT", "/secrets/rootHash", { value: "$6$x" });
  await call("GET", "/secrets/rootHash");
  await call("GET", "/secrets");
  await call("POST", "/keys/rotate");
  await call("DELETE", "/secrets/rootHash");
  const { id } = await call("POST", "/tokens", { name: "ci", role: "operator", sites: ["lab"] });
  await call("GET", "/tokens");
  await call("GET", `/tokens/${id}`);
  await call("DELETE", `/tokens/${id}`);
  await call("GET", "/audit?limit=1000");

  expect([...seen].sort()).toEqual(OPERATIONS.map((operation) => operation.id).sort());
});
