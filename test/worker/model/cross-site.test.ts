import { reset } from "cloudflare:test";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  capabilityOf,
  createProfiles,
  createSite,
  done,
  env,
  request,
  type TestRelay,
} from "../control-plane.ts";

const MAC = "52:54:00:00:00:01";
const NOT_FOUND = { status: 404, text: "not found\n" };

let own: TestRelay;
let other: TestRelay;
let capability: string;
let imageUrl: string;
let local: string;

beforeAll(async () => {
  own = await createSite("own");
  other = await createSite("other");
  await createProfiles();
  await done("PUT", "/sites/own/machines/node1", { macs: [MAC] });
  local = await other.script(MAC);
  await done("POST", "/sites/own/machines/node1/arm", { profile: "debian-12" });
  const script = await own.script(MAC);
  capability = capabilityOf(script);
  imageUrl = /kernel --name kernel (\S+)/.exec(script)![1]!;
});
afterAll(reset);

/** Every client route, as the machine would use it; each must say nothing through another site's relay. */
const CLIENT_ROUTES: readonly (readonly [method: string, path: () => string])[] = [
  ["GET", () => `/boot/${MAC}/answer/answer.sh`],
  ["POST", () => `/boot/${MAC}/answer/answer.sh`],
  ...["GET", "HEAD", "POST"].flatMap((method) => [
    [method, () => `/a/${capability}/answer.sh`] as const,
    [method, () => `/a/${capability}/commit`] as const,
  ]),
  ...["started", "progress", "installed", "failed", "log"].flatMap((event) => [
    ["GET", () => `/e/${capability}/${event}`] as const,
    ["POST", () => `/e/${capability}/${event}`] as const,
  ]),
  ["GET", () => imageUrl],
  ["HEAD", () => imageUrl],
];

describe("through another site's relay", () => {
  test("the script is the one of any unknown machine", async () => {
    expect(await other.script(MAC)).toBe(local);
    for (const file of ["grub.cfg", "pxelinux.cfg"]) {
      const asked = async (mac: string) => (await other.ask(mac, "GET", `/boot/${mac}/${file}`)).text;
      const unknown = await asked("52:54:00:00:00:99");
      expect(unknown).not.toBe("");
      expect(await asked(MAC)).toBe(unknown);
    }
  });

  for (const [method, path] of CLIENT_ROUTES) {
    test(`${method} ${path
      .toString()
      .replace(/^.*`\//, "/")
      .replace(/`.*$/, "")} is 404`, async () => {
      const reply = await other.ask(MAC, method, path());
      expect(reply.status).toBe(404);
      expect(reply.text).not.toContain("canary");
      if (/^\/[aei]\//.test(path())) expect(reply.text).toBe(method === "HEAD" ? "" : NOT_FOUND.text);
    });
  }

  test("the state holds nothing of it", async () => {
    const { json } = await request("GET", "/relay/v1/state", { token: other.credential });
    expect(json).toMatchObject({ site: { name: "other" }, machines: [], prefetch: [] });
  });

  test("events stay at the site of the relay that reports them", async () => {
    const event = { id: "x1", at: "2026-11-21T07:00:00.000Z", mac: MAC, stage: "tftp", name: "sent" };
    const body = [{ ...event, detail: { file: "snponly.efi", bytes: 1 } }];
    expect((await request("POST", "/relay/v1/events", { token: other.credential, body })).status).toBe(200);
    const { items } = await done("GET", "/sites/own/machines/node1/timeline");
    expect(items.map((item: { id: string }) => item.id)).not.toContain("x1");
  });
});

describe("a credential with another site's id in it", () => {
  /** The relay's own secret under the other site's name, and the other way round. */
  const forged = () => {
    const [ownParts, otherParts] = [own.credential.split("_"), other.credential.split("_")];
    return [
      [ownParts[0], ownParts[1], otherParts[2], otherParts[3]],
      [ownParts[0], ownParts[1], ownParts[2], otherParts[3]],
      [ownParts[0], otherParts[1], ownParts[2], ownParts[3]],
    ].map((parts) => parts.join("_"));
  };

  test("opens no route", async () => {
    const paths = [
      ["GET", `/boot/${MAC}/script.ipxe`],
      ["GET", "/relay/v1/state"],
      ["POST", "/relay/v1/events"],
      ["GET", imageUrl],
      ["GET", `/a/${capability}/answer.sh`],
      ["POST", `/e/${capability}/installed`],
    ] as const;
    for (const token of forged()) {
      for (const [method, path] of paths) {
        const headers = { "pxedge-client-mac": MAC, "pxedge-base-url": "http://192.168.77.1:8080" };
        const reply = await request(method, path, {
          token,
          headers,
          ...(method === "POST" && { body: [] }),
        });
        // A capability or signature of another site than the credential's is refused before that one is checked.
        expect([401, 404], `${method} ${path}`).toContain(reply.status);
        expect(reply.text).not.toContain("canary");
      }
    }
  });

  test("a join token of one site makes no relay of another", async () => {
    const { token } = await done("POST", "/sites/own/join-tokens");
    const parts = token.split("_");
    parts[1] = other.credential.split("_")[1];
    const reply = await request("POST", "/api/v1/relays/join", { body: { token: parts.join("_") } });
    expect(reply.status).toBe(401);
  });
});

describe("an operator of another site", () => {
  test("finds nothing at this one", async () => {
    const made = await done("POST", "/tokens", { name: "op", role: "operator", sites: ["other"] });
    const order = { profile: "debian-12", ids: ["node1"], confirmCount: 1 };
    const routes: [method: string, path: string, body?: unknown][] = [
      ["GET", "/sites/own"],
      ["GET", "/sites/own/machines"],
      ["GET", "/sites/own/machines/node1"],
      ["PUT", "/sites/own/machines/node1"],
      ["PATCH", "/sites/own/machines/node1"],
      ["DELETE", "/sites/own/machines/node1"],
      ["POST", "/sites/own/machines/node1/arm"],
      ["POST", "/sites/own/machines/node1/disarm"],
      ["POST", "/sites/own/arm", order],
      ["POST", "/sites/own/machines:batch"],
      ["GET", "/sites/own/machines/node1/attempts"],
      ["GET", "/sites/own/machines/node1/timeline"],
      ["GET", "/sites/own/machines/node1/preview"],
      ["GET", "/sites/own/discovered"],
      ["GET", "/sites/own/events"],
      ["GET", "/sites/own/relays"],
      ["POST", "/sites/own/join-tokens"],
      ["GET", "/sites/own/boot-tokens"],
    ];
    expect(made.token).not.toBe(env.ADMIN_TOKEN);
    expect((await request("GET", "/api/v1/sites/other/machines", { token: made.token })).status).toBe(200);
    for (const [method, path, body = {}] of routes) {
      const options = { token: made.token, ...(method !== "GET" && { body }) };
      const reply = await request(method, `/api/v1${path}`, options);
      // What its role forbids anywhere is 403; nothing tells this site from one that does not exist.
      expect(path.endsWith("-tokens") ? [403, 404] : [404], `${method} ${path}: ${reply.text}`).toContain(
        reply.status,
      );
      const nowhere = await request(method, `/api/v1${path.replace("/own", "/nowhere")}`, options);
      expect(reply.text, `${method} ${path}`).toBe(nowhere.text.replaceAll("nowhere", "own"));
    }
  });
});

test("after all of this the machine may still install, once", async () => {
  const { items } = await done("GET", "/sites/own/machines/node1/attempts");
  expect(items[0]).toMatchObject({ state: "booting", installs: 0 });
  expect((await own.ask(MAC, "GET", `/a/${capability}/answer.sh`)).text).toContain("canary");
});
