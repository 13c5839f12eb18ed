import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OPERATIONS } from "../../worker/api/api.ts";
import { api, createProfiles, createSite, done, env, request } from "./control-plane.ts";
import { operationOf } from "./documented.ts";

type Role = "viewer" | "operator" | "admin";

/** Every route of the API: the least role, and whether it needs a token for all sites. */
const ROUTES: readonly (readonly [string, string, Role, "site" | "any" | "fleet"])[] = [
  ["GET", "/sites", "viewer", "any"],
  ["POST", "/sites", "admin", "fleet"],
  ["GET", "/sites/SITE", "viewer", "site"],
  ["PUT", "/sites/SITE", "admin", "site"],
  ["DELETE", "/sites/SITE", "admin", "site"],
  ["POST", "/sites/SITE/join-tokens", "admin", "site"],
  ["POST", "/sites/SITE/boot-tokens", "admin", "site"],
  ["GET", "/sites/SITE/boot-tokens", "viewer", "site"],
  ["DELETE", "/sites/SITE/boot-tokens/x", "admin", "site"],
  ["GET", "/sites/SITE/relays", "viewer", "site"],
  ["GET", "/sites/SITE/relays/x", "viewer", "site"],
  ["DELETE", "/sites/SITE/relays/x", "admin", "site"],
  ["GET", "/sites/SITE/events", "viewer", "site"],
  ["GET", "/sites/SITE/discovered", "viewer", "site"],
  ["GET", "/sites/SITE/machines", "viewer", "site"],
  ["POST", "/sites/SITE/machines:batch", "operator", "site"],
  ["PUT", "/sites/SITE/machines/m", "operator", "site"],
  ["PATCH", "/sites/SITE/machines/m", "operator", "site"],
  ["GET", "/sites/SITE/machines/m", "viewer", "site"],
  ["DELETE", "/sites/SITE/machines/m", "operator", "site"],
  ["GET", "/sites/SITE/machines/m/attempts", "viewer", "site"],
  ["GET", "/sites/SITE/machines/m/timeline", "viewer", "site"],
  ["GET", "/sites/SITE/machines/m/preview", "viewer", "site"],
  ["POST", "/sites/SITE/machines/m/arm", "operator", "site"],
  ["POST", "/sites/SITE/machines/m/disarm", "operator", "site"],
  ["POST", "/sites/SITE/arm", "operator", "site"],
  ...["profiles", "templates", "images"].flatMap((kind) => [
    ["GET", `/${kind}`, "viewer", "any"] as const,
    ["GET", `/${kind}/x`, "viewer", "any"] as const,
    ["GET", `/${kind}/x/revisions`, "viewer", "any"] as const,
    ["PUT", `/${kind}/x`, "admin", "fleet"] as const,
    ["DELETE", `/${kind}/x`, "admin", "fleet"] as const,
    ["POST", `/${kind}/x/rollback`, "admin", "fleet"] as const,
  ]),
  ["POST", "/profiles/x/diff", "viewer", "any"],
  ["POST", "/templates/x/diff", "viewer", "any"],
  ["POST", "/images/x/files/linux?uploads", "admin", "fleet"],
  ["GET", "/images/x/files/linux?uploadId=y", "viewer", "any"],
  ["PUT", "/images/x/files/linux?uploadId=y&part=1", "admin", "fleet"],
  ["DELETE", "/images/x/files/linux?uploadId=y", "admin", "fleet"],
  ["POST", "/documents:batch", "admin", "fleet"],
  ["GET", "/boot-files", "viewer", "any"],
  ["PUT", "/boot-files/x.efi", "admin", "fleet"],
  ["DELETE", "/boot-files/x.efi", "admin", "fleet"],
  ["GET", "/secrets", "viewer", "any"],
  ["GET", "/secrets/x", "viewer", "any"],
  ["PUT", "/secrets/x", "admin", "fleet"],
  ["DELETE", "/secrets/x", "admin", "fleet"],
  ["GET", "/tokens", "admin", "fleet"],
  ["GET", "/tokens/x", "admin", "fleet"],
  ["POST", "/tokens", "admin", "fleet"],
  ["DELETE", "/tokens/x", "admin", "fleet"],
  ["POST", "/keys/rotate", "admin", "fleet"],
  ["GET", "/audit", "admin", "fleet"],
];
const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

async function newToken(body: object): Promise<string> {
  return (await done("POST", "/tokens", body)).token;
}

/** A body that no route takes, so that what is allowed changes nothing. */
const asked = (method: string, path: string, token: string) =>
  request(method, `/api/v1${path}`, {
    token,
    ...(method !== "GET" && method !== "DELETE" && { body: { nonsense: true } }),
  });

beforeEach(async () => {
  await createSite("lab");
  await createSite("elsewhere");
});
afterEach(reset);

describe("every route", () => {
  test("is in the table, but for the one without a token", () => {
    const listed = ROUTES.map(([method, path]) => operationOf(method, `/api/v1${path}`)!.id);
    const served = OPERATIONS.flatMap(({ id }) => (id === "joinRelay" ? [] : [id]));
    expect([...new Set(listed)].sort()).toEqual(served.sort());
  });

  for (const role of ROLES) {
    test(`to a token of the role ${role}, for all sites and for one`, async () => {
      const fleet = await newToken({ name: "fleet", role });
      const scoped = await newToken({ name: "scoped", role, sites: ["elsewhere"] });
      for (const [method, path, least, scope] of ROUTES) {
        const allowed = ROLES.indexOf(role) >= ROLES.indexOf(least);
        // The site of the path does not exist, so that even DELETE does nothing.
        const missing = await asked(method, path.replace("SITE", "nowhere"), fleet);
        expect([missing.status === 403, missing.status === 401], `${method} ${path}`).toEqual([
          !allowed,
          false,
        ]);
        const foreign = await asked(method, path.replace("SITE", "lab"), scoped);
        const what = `scoped ${method} ${path}: ${foreign.text}`;
        if (!allowed || scope === "fleet") expect(foreign.status, what).toBe(403);
        else if (scope === "any") expect(foreign.status, what).not.toBe(403);
        // A body is read before the site is looked up; nothing of the site shows either way.
        else expect([404, 422, 400], what).toContain(foreign.status);
      }
      expect((await done("GET", "/sites")).items).toHaveLength(2);
    });
  }

  test("another site is as one that does not exist", async () => {
    const token = await newToken({ name: "t", role: "admin", sites: ["elsewhere"] });
    await done("PUT", "/sites/lab/machines/m", { macs: ["525400000001"] });
    const bodyOf = (method: string, path: string): object | undefined => {
      if (method === "GET" || method === "DELETE") return undefined;
      if (path.endsWith("/m/arm")) return { profile: "p" };
      return path.endsWith("/arm") ? { profile: "p", ids: ["m"] } : {};
    };
    for (const [method, path, , scope] of ROUTES) {
      if (scope !== "site") continue;
      const replies = [];
      for (const site of ["lab", "nowhere"]) {
        const body = bodyOf(method, path);
        const { status, text } = await request(method, `/api/v1${path.replace("SITE", site)}`, {
          token,
          ...(body !== undefined && { body }),
        });
        replies.push({ status, text: text.replaceAll(site, "SITE") });
      }
      expect(replies[0], `${method} ${path}`).toEqual(replies[1]);
      expect(replies[0]!.status, `${method} ${path}: ${replies[0]!.text}`).toBe(404);
    }
    const { items } = (await request("GET", "/api/v1/sites", { token })).json;
    expect(items.map((site: { name: string }) => site.name)).toEqual(["elsewhere"]);
    expect((await done("GET", "/sites/lab/machines/m")).macs).toEqual(["52:54:00:00:00:01"]);
  });
});

describe("tokens", () => {
  test("are shown once, listed without it, and work until they are deleted", async () => {
    const made = await done("POST", "/tokens", { name: "ci", role: "operator", sites: ["lab"] });
    expect(made.token).toMatch(/^pxa_[0-9a-f]{16}_[0-9a-f]{32}$/);
    const list = await api("GET", "/tokens");
    expect(list.json.items).toMatchObject([{ id: made.id, name: "ci", role: "operator", sites: ["lab"] }]);
    expect(list.text).not.toContain(made.token.slice(-32));
    const use = () => request("GET", "/api/v1/sites/lab", { token: made.token });
    expect((await use()).status).toBe(200);
    expect((await api("DELETE", `/tokens/${made.id}`)).status).toBe(204);
    expect((await use()).status).toBe(401);
  });

  test("with a secret that is wrong by one digit, or for a site that is not, are refused", async () => {
    const token = await newToken({ name: "t", role: "viewer" });
    const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
    expect((await request("GET", "/api/v1/sites", { token: wrong })).status).toBe(401);
    const reply = await api("POST", "/tokens", { name: "t", role: "viewer", sites: ["lab", "nowhere"] });
    expect(reply).toMatchObject({ status: 422, json: { errors: [{ field: "sites[1]" }] } });
  });

  test("of a deleted site do not work at a new one of the same name", async () => {
    const token = await newToken({ name: "t", role: "admin", sites: ["lab"] });
    expect((await api("DELETE", "/sites/lab")).status).toBe(204);
    await createSite("lab");
    expect((await request("GET", "/api/v1/sites/lab", { token })).status).toBe(404);
  });
});

describe("the audit log", () => {
  test("says who changed what, when, and holds no secret", async () => {
    await createProfiles();
    const token = await newToken({ name: "night shift", role: "operator", sites: ["lab"] });
    const asOperator = (method: string, path: string, body: object) =>
      request(method, `/api/v1${path}`, { token, body });
    await done("PUT", "/secrets/rootPassword", { value: "canary-5ecret" });
    await asOperator("PUT", "/sites/lab/machines/node1", { macs: ["525400000001"] });
    const armed = await asOperator("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    await asOperator("POST", "/sites/lab/machines/node1/disarm", {});
    await asOperator("PUT", "/profiles/p", {});
    const log = await api("GET", "/audit?limit=1000");
    const by = log.json.items.filter((entry: { by: { name: string } }) => entry.by.name === "night shift");
    expect(by.map((entry: { action: string; target: string }) => `${entry.action} ${entry.target}`)).toEqual([
      "PUT /sites/lab/machines/node1",
      "POST /sites/lab/machines/node1/arm",
      "POST /sites/lab/machines/node1/disarm",
    ]);
    expect(by[1]).toMatchObject({ detail: { attempt: armed.json.id, profile: "debian-12" } });
    expect(Date.parse(by[1].at)).toBeGreaterThan(0);
    expect(log.text).not.toContain("canary");
    expect(log.text).not.toContain(token);
    const { next } = log.json;
    expect((await done("GET", `/audit?after=${next}`)).items).toEqual([]);
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items[0]).toMatchObject({ name: "armed", detail: { by: "night shift" } });
  });

  test("the first token is the Worker's own secret", async () => {
    const { items } = await done("GET", "/audit");
    expect(items[0].by).toEqual({ id: "admin", name: "ADMIN_TOKEN" });
    expect(JSON.stringify(items)).not.toContain(env.ADMIN_TOKEN);
  });
});
