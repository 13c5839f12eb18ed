import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { controlObject, siteObject } from "../../worker/env.ts";
import { openSecrets, sealSecret } from "../../worker/secret-box.ts";
import {
  api,
  capabilityOf,
  createProfiles,
  createSite,
  done,
  env,
  request,
  type TestRelay,
} from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
let relay: TestRelay;

beforeEach(async () => {
  relay = await createSite("lab", { armLimit: { machines: 3 } });
  await createProfiles();
});
afterEach(reset);

const putMachines = async (count: number, more: object = {}) =>
  await done("POST", "/sites/lab/machines:batch", {
    put: Array.from({ length: count }, (_, i) => ({
      id: `m${i + 1}`,
      macs: [`5254000000${(i + 1).toString(16).padStart(2, "0")}`],
      labels: { rack: "r1" },
      ...more,
    })),
  });
const armSite = async (body: object, headers?: Record<string, string>) =>
  await api("POST", "/sites/lab/arm", { profile: "debian-12", ...body }, headers);
const stateOf = async (machine: string) =>
  (await done("GET", `/sites/lab/machines/${machine}/attempts`)).items[0]?.state;

describe("arming several machines", () => {
  test("by a selector or by ids, in one order", async () => {
    await putMachines(3);
    const first = await armSite({ selector: "rack=r1" });
    expect(first.status, first.text).toBe(201);
    expect(first.json.items).toHaveLength(3);
    for (const machine of ["m1", "m2", "m3"]) await done("POST", `/sites/lab/machines/${machine}/disarm`);
    const second = await armSite({ ids: ["m1", "52-54-00-00-00-01", "m3"] });
    expect(second.json.items).toHaveLength(2);
    for (const wrong of [
      {},
      { ids: ["m1"], selector: "rack=r1" },
      { selector: "rack=none" },
      { ids: ["x"] },
    ]) {
      expect((await armSite(wrong)).status, JSON.stringify(wrong)).toBe(422);
    }
  });

  test("arms all of them or none", async () => {
    await putMachines(3);
    await done("POST", "/sites/lab/machines/m3/arm", { profile: "debian-12" });
    const reply = await armSite({ selector: "rack=r1" });
    expect(reply).toMatchObject({ status: 409, json: { type: "urn:pxedge:problem:attempt-active" } });
    expect(reply.json.errors.map((error: { field: string }) => error.field)).toEqual([
      "machines.m3.supersede",
    ]);
    expect([await stateOf("m1"), await stateOf("m2"), await stateOf("m3")]).toEqual([
      undefined,
      undefined,
      "armed",
    ]);
  });

  test("with the same Idempotency-Key is the same order, even where KV has nothing to say by then", async () => {
    await putMachines(2);
    const order = () => armSite({ selector: "rack=r1" }, { "idempotency-key": "k" });
    const first = await order();
    const { keys } = await env.REVISIONS.list();
    for (const { name } of keys) await env.REVISIONS.delete(name);
    const second = await order();
    expect([first.status, second.status]).toEqual([201, 200]);
    const ids = (reply: typeof first) => reply.json.items.map((item: { id: string }) => item.id);
    expect(ids(second)).toEqual(ids(first));
  });

  test("with the same Idempotency-Key and another body is refused, and arms nothing", async () => {
    await putMachines(3);
    const order = (body: object) => armSite(body, { "idempotency-key": "k" });
    expect((await order({ ids: ["m1"] })).status).toBe(201);
    const other = await order({ ids: ["m2"] });
    expect(other).toMatchObject({
      status: 422,
      json: { type: "urn:pxedge:problem:idempotency-mismatch", errors: [{ field: "Idempotency-Key" }] },
    });
    expect(await stateOf("m2")).toBeUndefined();
    // What a default says is the same order, said or not.
    expect((await order({ ids: ["m1"], retries: 0 })).status).toBe(200);
    const single = (body: object) =>
      api("POST", "/sites/lab/machines/m3/arm", body, { "idempotency-key": "k" });
    expect((await single({ profile: "debian-12" })).status).toBe(201);
    expect((await single({ profile: "debian-12", retries: 1 })).status).toBe(422);
    expect((await single({ profile: "debian-12" })).status).toBe(200);
    const long = await armSite({ ids: ["m2"] }, { "idempotency-key": "k".repeat(201) });
    expect(long).toMatchObject({ status: 400, json: { errors: [{ field: "Idempotency-Key" }] } });
  });

  test("hold one copy of what they pin, until none of them is active", async () => {
    await putMachines(3);
    await armSite({ selector: "rack=r1" });
    const site = siteObject(env, (await done("GET", "/sites/lab")).id);
    const count = () =>
      runInDurableObject(
        site,
        (_, { storage }) => storage.sql.exec("SELECT hash FROM pins").toArray().length,
      );
    expect(await count()).toBe(1);
    for (const name of ["m1", "m2"]) await done("POST", `/sites/lab/machines/${name}/disarm`);
    await runInDurableObject(site, (instance) => instance.alarm());
    expect(await count()).toBe(1);
    expect(await relay.script(MAC)).not.toContain("kernel");
    await done("POST", "/sites/lab/machines/m3/disarm");
    await runInDurableObject(site, (instance) => instance.alarm());
    expect(await count()).toBe(0);
  });
});

describe("the guard against arming too many", () => {
  test("beyond the limit within the window the number must be given, and be right", async () => {
    await putMachines(5);
    const refused = await armSite({ selector: "rack=r1" });
    expect(refused).toMatchObject({
      status: 409,
      json: {
        type: "urn:pxedge:problem:confirmation-required",
        errors: [{ field: "confirmCount", message: "must be 5 to confirm" }],
      },
    });
    expect((await armSite({ selector: "rack=r1", confirmCount: 4 })).status).toBe(409);
    expect(await stateOf("m1")).toBeUndefined();
    expect((await armSite({ selector: "rack=r1", confirmCount: 5 })).status).toBe(201);
  });

  test("counts machines, one by one as well, and none of them twice", async () => {
    await putMachines(5);
    const arm = (machine: string, more: object = {}) =>
      api("POST", `/sites/lab/machines/${machine}/arm`, { profile: "debian-12", ...more });
    for (const machine of ["m1", "m1", "m1", "m2", "m3", "m2"]) {
      expect((await arm(machine)).status, machine).toBe(201);
      await done("POST", `/sites/lab/machines/${machine}/disarm`);
    }
    expect((await arm("m4")).json.type).toBe("urn:pxedge:problem:confirmation-required");
    expect((await arm("m4", { confirmCount: 1 })).status).toBe(201);
  });

  test("a wrong number is refused where none is needed", async () => {
    await putMachines(2);
    expect((await armSite({ selector: "rack=r1", confirmCount: 1 })).status).toBe(409);
  });

  test("a protected machine needs it always", async () => {
    await putMachines(1, { protected: true });
    const arm = (more: object) =>
      api("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12", ...more });
    const refused = await arm({});
    expect(refused.json).toMatchObject({ type: "urn:pxedge:problem:confirmation-required" });
    expect(refused.json.detail).toContain('"m1"');
    expect((await arm({ confirmCount: 1 })).status).toBe(201);
  });
});

describe("secrets", () => {
  const VALUE = "p$ss'w0rd-canary";
  const putTemplate = (body: string) =>
    done("PUT", "/templates/answer", { text: `---\nkind: shell\ndescription: x\n---\n${body}\n` });

  beforeEach(async () => {
    await done("PUT", "/secrets/rootPassword", { value: VALUE });
    await putTemplate("root={{secret.rootPassword}}");
    await putMachines(1);
  });

  test("names come out, values never", async () => {
    for (const path of ["/secrets", "/secrets/rootPassword"]) {
      const { text } = await api("GET", path);
      expect(text).toContain("rootPassword");
      expect(text).not.toContain("canary");
    }
    const { keys } = await env.REVISIONS.list();
    for (const { name } of keys) expect(await env.REVISIONS.get(name)).not.toContain("w0rd");
  });

  test("are rendered into the one answer, and the timeline says so", async () => {
    await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    await done("PUT", "/secrets/rootPassword", { value: "another" });
    const script = await relay.script(MAC);
    expect(script).not.toContain("canary");
    const answer = await relay.ask(MAC, "GET", `/a/${capabilityOf(script)}/answer.sh`);
    expect(answer.text).toBe(`root='p$ss'\\''w0rd-canary'\n`);
    const timeline = await api("GET", "/sites/lab/machines/m1/timeline");
    expect(timeline.text).not.toContain("canary");
    expect(timeline.json.items).toContainEqual(
      expect.objectContaining({
        stage: "answer",
        name: "served",
        detail: { file: "answer.sh", secrets: "rootPassword" },
      }),
    );
    const { items } = await done("GET", "/audit");
    expect(items).toContainEqual(
      expect.objectContaining({
        action: "READ",
        target: "/secrets/rootPassword",
        detail: { profile: "debian-12", site: "lab" },
      }),
    );
  });

  test("that do not exist, do not fit, or stand in kernel arguments, are refused when arming", async () => {
    const arm = () => api("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    await putTemplate("root={{secret.gone}}");
    expect(await arm()).toMatchObject({
      status: 422,
      json: { errors: [{ field: "templates.answer", message: 'there is no secret "gone"' }] },
    });
    await done("PUT", "/secrets/binary", { value: "a\u0000canary" });
    await putTemplate("root={{secret.binary}}");
    const unfit = await arm();
    expect(unfit.status).toBe(422);
    expect(unfit.text).toContain("secret.binary");
    expect(unfit.text).not.toContain("canary");
    await putTemplate("echo");
    await done("PUT", "/profiles/debian-12", {
      mode: "install",
      image: "debian-12",
      kernel: "linux",
      args: "pw={{secret.rootPassword}}",
      answers: { "answer.sh": { template: "answer" } },
    });
    expect((await arm()).json.errors[0]).toMatchObject({ field: "args:1:4" });
  });

  test("rotation encrypts all of them with the first key; orders that hold the old form still install", async () => {
    const [newest, oldest] = env.SECRET_KEYS.split(",");
    const before = await sealSecret(oldest!, "rootPassword", VALUE);
    await runInDurableObject(controlObject(env), (_, { storage }) => {
      storage.sql.exec("UPDATE secrets SET sealed = ?, kid = ?", before.sealed, before.kid);
    });
    expect((await done("GET", "/secrets/rootPassword")).kid).toBe("s1");
    await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    expect(await done("POST", "/keys/rotate")).toEqual({ secrets: { total: 1, resealed: 1 } });
    expect(await done("POST", "/keys/rotate")).toEqual({ secrets: { total: 1, resealed: 0 } });
    expect((await done("GET", "/secrets/rootPassword")).kid).toBe("s2");
    const stored = await runInDurableObject(controlObject(env), (_, { storage }) =>
      storage.sql.exec<{ sealed: string }>("SELECT sealed FROM secrets").one(),
    );
    expect(await openSecrets(newest!, { rootPassword: stored.sealed })).toEqual({
      ok: true,
      value: { rootPassword: VALUE },
    });
    const capability = capabilityOf(await relay.script(MAC));
    expect((await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)).text).toContain("canary");
  });

  test("whose key is gone keep the machine waiting, commit nothing, and the timeline says why", async () => {
    await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    const answer = `/a/${capabilityOf(await relay.script(MAC))}/answer.sh`;
    const site = siteObject(env, (await done("GET", "/sites/lab")).id);
    const changeKey = (from: string, to: string) =>
      runInDurableObject(site, (_, { storage }) => {
        storage.sql.exec("UPDATE pins SET document = replace(document, ?, ?)", `"${from}.`, `"${to}.`);
      });
    await changeKey("s2", "s9");
    expect((await relay.ask("52:54:00:00:00:99", "GET", answer)).status).toBe(404);
    const reply = await relay.ask(MAC, "GET", answer);
    expect(reply).toMatchObject({ status: 503, json: { type: "urn:pxedge:problem:unavailable" } });
    expect(reply.headers.get("retry-after")).toBe("2");
    expect(await stateOf("m1")).toBe("booting");
    const { items } = await done("GET", "/sites/lab/machines/m1/timeline");
    expect(items.at(-1)).toMatchObject({
      stage: "answer",
      name: "refused",
      detail: { reason: "secret-unreadable", message: expect.stringContaining("rootPassword") },
    });
    await changeKey("s9", "s2");
    expect((await relay.ask(MAC, "GET", answer)).text).toContain("canary");

    await runInDurableObject(controlObject(env), (_, { storage }) => {
      storage.sql.exec("UPDATE secrets SET sealed = replace(sealed, 's2.', 's9.')");
    });
    await putMachines(2);
    const refusal = { status: 503, json: { detail: expect.stringContaining("secret rootPassword") } };
    expect(await api("POST", "/sites/lab/machines/m2/arm", { profile: "debian-12" })).toMatchObject(refusal);
    expect(await api("POST", "/keys/rotate")).toMatchObject(refusal);
  });

  test("do not decrypt under another name, changed by a byte, or without their key", async () => {
    const { sealed } = await sealSecret(env.SECRET_KEYS, "a", VALUE);
    expect(await openSecrets(env.SECRET_KEYS, { a: sealed })).toEqual({ ok: true, value: { a: VALUE } });
    const [kid, iv, data] = sealed.split(".");
    const changed = `${kid}.${iv}.${data!.startsWith("A") ? "B" : "A"}${data!.slice(1)}`;
    for (const [name, text] of [
      ["b", sealed],
      ["a", changed],
      ["a", `s9.${iv}.${data}`],
      ["a", "nonsense"],
    ] as const) {
      expect(await openSecrets(env.SECRET_KEYS, { [name]: text })).toMatchObject({
        ok: false,
        problem: { type: "unavailable", detail: expect.stringContaining(`secret ${name} `) },
      });
    }
  });

  test("are masked in a preview", async () => {
    const { text } = await api("GET", "/sites/lab/machines/m1/preview?profile=debian-12");
    expect(text).toContain("masked-rootPassword");
    expect(text).not.toContain("canary");
  });
});

describe("preview", () => {
  test("shows the script and every answer, and where each value came from", async () => {
    await done("PUT", "/templates/answer", {
      text: [
        "---",
        "kind: shell",
        "description: x",
        "variables:",
        "  disk: { type: string, default: /dev/sda }",
        "  zone: { type: string, required: true }",
        "---",
        "{{disk}} {{zone}} {{missing}}",
        "",
      ].join("\n"),
    });
    await done("PUT", "/sites/lab", { variables: { zone: "site", missing: "here" } });
    await done("PUT", "/sites/lab/machines/m1", {
      macs: [MAC],
      profile: "debian-12",
      variables: { zone: "machine" },
    });
    const preview = await done("GET", "/sites/lab/machines/m1/preview");
    expect(preview).toMatchObject({ attempt: null, profile: { name: "debian-12" }, problems: [] });
    expect(preview.script).toMatch(/^#!ipxe\n[^]*kernel --name kernel/);
    expect(preview.answers["answer.sh"]).toMatchObject({
      text: "'/dev/sda' 'machine' 'here'\n",
      problems: [],
    });
    const sources = preview.answers["answer.sh"].variables.map(
      ({ name, source, overridden }: { name: string; source: string; overridden: string[] }) => [
        name,
        source,
        overridden,
      ],
    );
    expect(sources).toEqual([
      ["disk", "default", []],
      ["zone", "machine", ["site"]],
      ["missing", "site", []],
    ]);
    expect((await done("GET", "/sites/lab/machines/m1/attempts")).items).toEqual([]);
    const url = /kernel --name kernel (\S+)/.exec(preview.script)![1]!;
    expect((await relay.ask(MAC, "GET", url)).status).toBe(404);
  });

  test("of an armed machine is of what that order holds, and names what does not render", async () => {
    await putMachines(1);
    const { id } = await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    await done("PUT", "/templates/answer", { text: "---\nkind: shell\ndescription: x\n---\n{{nothing}}\n" });
    const armed = await done("GET", "/sites/lab/machines/m1/preview");
    expect(armed.attempt).toBe(id);
    expect(armed.answers["answer.sh"].text).toContain("canary-8c1f");
    const next = await done("GET", "/sites/lab/machines/m1/preview?profile=debian-12");
    expect(next.answers["answer.sh"]).toMatchObject({ text: null, problems: [{ field: "5:1" }] });
  });
});

describe("unknown machines", () => {
  const path = (mac: string) => `/boot/${mac}/script.ipxe?uuid=U-1&serial=S%201&arch=x86_64&platform=efi`;

  test("are recorded where the site wants it, with what the relay saw only", async () => {
    const local = (await relay.ask("525400000077", "GET", path("525400000077"))).text;
    expect((await done("GET", "/sites/lab/discovered")).items).toEqual([]);
    await done("PUT", "/sites/lab", { policy: "discover" });
    for (const mac of ["525400000077", "525400000077", "525400000066"]) {
      expect((await relay.ask(mac, "GET", path(mac))).text).toBe(local);
    }
    await relay.ask("525400000077", "GET", path("525400000055"));
    await relay.ask(null, "GET", path("525400000055"));
    const { items } = await done("GET", "/sites/lab/discovered");
    expect(items).toMatchObject([
      { mac: "52:54:00:00:00:66" },
      { mac: "52:54:00:00:00:77", uuid: "U-1", serial: "S 1", arch: "x86_64", platform: "efi" },
    ]);
    await done("PUT", "/sites/lab/machines/new", { macs: ["525400000077"] });
    expect((await done("GET", "/sites/lab/discovered")).items).toHaveLength(1);
    const { items: events } = await done("GET", "/sites/lab/events?limit=1000");
    const discovered = events.filter((event: { name: string }) => event.name === "discovered");
    expect(discovered).toHaveLength(2);
  });
});

describe("attestation", () => {
  const ask = (path: string, ip: string, mac?: string) =>
    request("GET", path, {
      token: relay.credential,
      headers: {
        [RELAY_HEADER.BASE_URL]: "http://192.168.77.1:8080",
        [RELAY_HEADER.CLIENT_IP]: ip,
        ...(mac !== undefined && { [RELAY_HEADER.CLIENT_MAC]: mac }),
      },
    });

  test("preferred for a network: who was not observed there is believed, who contradicts is not", async () => {
    await putMachines(1);
    const attestation = [
      { cidr: "10.0.0.0/8", mode: "preferred" },
      { cidr: "10.9.0.0/16", mode: "required" },
    ];
    await done("PUT", "/sites/lab", { attestation });
    await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    const script = `/boot/${MAC}/script.ipxe`;
    const local = (await ask(script, "192.168.1.1")).text;
    expect((await ask(script, "10.9.1.1")).text).toBe(local);
    expect((await ask(script, "10.1.1.1", "52:54:00:00:00:99")).text).toBe(local);
    const capability = capabilityOf((await ask(script, "10.1.1.1")).text);
    const answer = `/a/${capability}/answer.sh`;
    expect((await ask(answer, "10.1.1.1", "52:54:00:00:00:99")).status).toBe(404);
    expect((await ask(answer, "10.9.1.1")).status).toBe(404);
    expect((await ask(answer, "10.1.1.1")).status).toBe(200);
  });

  test("a capability is good only the way it was handed out: directly, or by a relay", async () => {
    await putMachines(1);
    await done("PUT", "/sites/lab", {
      attestation: [{ cidr: "10.0.0.0/8", mode: "preferred" }],
      directInstall: true,
    });
    const { token } = await done("POST", "/sites/lab/boot-tokens", {});
    const direct = (path: string) => request("GET", `/s/${token}${path}`);
    await done("POST", "/sites/lab/machines/m1/arm", { profile: "debian-12" });
    const script = `/boot/${MAC}/script.ipxe`;

    const claimed = `/a/${capabilityOf((await ask(script, "10.1.1.1")).text)}/answer.sh`;
    expect((await direct(claimed)).status).toBe(404);
    const observed = `/a/${capabilityOf((await ask(script, "10.1.1.1", MAC)).text)}/answer.sh`;
    expect((await direct(observed)).status).toBe(404);
    const handedOut = `/a/${capabilityOf((await direct(script)).text)}/answer.sh`;
    expect((await ask(handedOut, "10.1.1.1")).status).toBe(404);
    expect((await ask(handedOut, "10.1.1.1", MAC)).status).toBe(404);
    expect(await stateOf("m1")).toBe("booting");
    const { items } = await done("GET", "/sites/lab/machines/m1/timeline");
    const reasons = items.flatMap((event: { name: string; detail: { reason?: string } }) =>
      event.name === "refused" ? [event.detail.reason] : [],
    );
    expect(reasons.slice(-2)).toEqual(["handed-out-directly", "handed-out-directly"]);
    expect((await direct(handedOut)).status).toBe(200);
  });

  test("networks must be networks", async () => {
    for (const cidr of ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "x/8"]) {
      const reply = await api("PUT", "/sites/lab", { attestation: [{ cidr, mode: "preferred" }] });
      expect(reply, cidr).toMatchObject({
        status: 422,
        json: { errors: [{ field: "attestation[0].cidr" }] },
      });
    }
  });
});
