import { env, exports } from "cloudflare:workers";
import { expect } from "vitest";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { checkAgainstOperation } from "./documented.ts";

/** A reply, read whole. `json` is what a JSON body holds, for tests to look into. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Reply = { status: number; headers: Headers; text: string; json: any };

type RequestOptions = { token?: string; headers?: Record<string, string>; body?: unknown };

/** One request to the whole Worker, by its fetch handler; what the API answers must be as it is documented. */
export async function request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
  const { body, token } = options;
  const headers = new Headers(options.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await exports.default.fetch(
    new Request(`https://pxedge.test${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: raw ? (body as BodyInit) : JSON.stringify(body) }),
    }),
  );
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const { status, headers: received } = response;
  const reply = { status, headers: received, text, json: isJson ? JSON.parse(text) : null };
  checkAgainstOperation(method, path, reply);
  return reply;
}

/** An API request with the admin's token. */
export async function api(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Reply> {
  return await request(method, `/api/v1${path}`, {
    token: env.ADMIN_TOKEN,
    ...(body !== undefined && { body }),
    ...(headers && { headers }),
  });
}

/** An API request that must succeed; its JSON. */
export async function done(method: string, path: string, body?: unknown) {
  const reply = await api(method, path, body);
  expect(reply.status, `${method} ${path}: ${reply.text}`).toBeLessThan(300);
  return reply.json;
}

/** A relay of a site, and how machines at that site ask through it. */
export type TestRelay = {
  credential: string;
  /** A request of the machine whose MAC the relay observes; `null`: it could not tell. */
  ask(
    mac: string | null,
    method: string,
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  /** The script a machine gets, asking with its own MAC. */
  script(mac: string): Promise<string>;
};

/** Makes a site and joins a relay to it. */
export async function createSite(name: string, settings: object = {}): Promise<TestRelay> {
  await done("PUT", `/sites/${name}`, settings);
  const { token } = await done("POST", `/sites/${name}/join-tokens`);
  const joined = await request("POST", "/api/v1/relays/join", { body: { token } });
  expect(joined.status).toBe(201);
  const credential: string = joined.json.credential;
  const ask: TestRelay["ask"] = (mac, method, path, body, headers = {}) =>
    request(method, path, {
      token: credential,
      headers: {
        ...headers,
        [RELAY_HEADER.BASE_URL]: "http://192.168.77.1:8080",
        ...(mac !== null && { [RELAY_HEADER.CLIENT_MAC]: mac, [RELAY_HEADER.CLIENT_MAC_SOURCE]: "lease" }),
      },
      ...(body !== undefined && { body }),
    });
  return {
    credential,
    ask,
    script: async (mac) => (await ask(mac, "GET", `/boot/${mac.replaceAll(":", "-")}/script.ipxe`)).text,
  };
}

/** Uploads a file in parts and returns its hash. */
export async function upload(image: string, path: string, parts: Uint8Array<ArrayBuffer>[]): Promise<string> {
  const base = `/images/${image}/files/${path}`;
  const { uploadId } = await done("POST", `${base}?uploads`);
  const sent = [];
  for (const [i, part] of parts.entries()) {
    const reply = await api("PUT", `${base}?uploadId=${uploadId}&part=${i + 1}`, part, {
      "content-length": String(part.length),
    });
    expect(reply.status, reply.text).toBe(200);
    sent.push(reply.json);
  }
  const sha256 = await sha256Of(...parts);
  await done("POST", `${base}?uploadId=${uploadId}`, { sha256, parts: sent });
  return sha256;
}

export async function sha256Of(...parts: Uint8Array<ArrayBuffer>[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const TEMPLATE = `---
kind: shell
description: A test's answer
---
host={{machine.name}}
secret=canary-8c1f
done={{urls.events}}installed
`;

/** An image, a template and a profile `debian-12` that fetches one answer, and `live-commit` that fetches none. */
export async function createProfiles(): Promise<void> {
  const kernel = await upload("debian-12", "linux", [new Uint8Array(3000).fill(1)]);
  const initrd = await upload("debian-12", "initrd.gz", [new Uint8Array(5000).fill(2)]);
  await done("PUT", "/images/debian-12", {
    files: { linux: { sha256: kernel }, "initrd.gz": { sha256: initrd } },
  });
  await done("PUT", "/templates/answer", { text: TEMPLATE });
  const boot = { mode: "install", image: "debian-12", kernel: "linux", initrds: ["initrd.gz"] };
  await done("PUT", "/profiles/debian-12", {
    ...boot,
    args: "answer={{urls.answers}}answer.sh",
    answers: { "answer.sh": { template: "answer" } },
  });
  await done("PUT", "/profiles/no-answers", boot);
}

/** The capability that a script hands out. */
export function capabilityOf(script: string): string {
  const match = /\/a\/([0-9a-f]{48})\//.exec(script);
  expect(match, script).not.toBeNull();
  return match![1]!;
}

export { env };
