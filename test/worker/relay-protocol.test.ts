import { reset } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { BootEvent } from "../../core/relay-protocol/events.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import {
  api,
  capabilityOf,
  createProfiles,
  createSite,
  done,
  request,
  sha256Of,
  upload,
  type Reply,
} from "./control-plane.ts";

afterEach(reset);

test("a relay gets the whole state once, then what changed, then what went", async () => {
  const relay = await createSite("lab", { bootWaitSeconds: 60 });
  await createProfiles();
  const state = async (after?: number) =>
    (
      await request("GET", `/relay/v1/state${after === undefined ? "" : `?after=${after}`}`, {
        token: relay.credential,
      })
    ).json;

  await done("PUT", "/sites/lab/machines/a", { macs: ["525400000001"], address: "192.168.77.10" });
  await done("PUT", "/sites/lab/machines/b", { macs: ["525400000002"], variables: { password: "canary" } });
  const first = await state();
  expect(first).toMatchObject({ full: true, site: { name: "lab", bootWaitSeconds: 60 }, removed: [] });
  expect(first.machines).toEqual([
    { id: expect.any(String), name: "a", macs: ["52:54:00:00:00:01"], address: "192.168.77.10" },
    { id: expect.any(String), name: "b", macs: ["52:54:00:00:00:02"] },
  ]);
  expect(first.imageKeys.map((key: { kid: string }) => key.kid)).toEqual(["t2", "t1"]);
  expect(await state(first.revision)).toMatchObject({ revision: first.revision, full: false, machines: [] });

  await done("PUT", "/sites/lab/machines/b", { macs: ["525400000003"] });
  await api("DELETE", "/sites/lab/machines/a");
  await done("POST", "/sites/lab/machines/b/arm", { profile: "debian-12" });
  const next = await state(first.revision);
  expect(next).toMatchObject({
    full: false,
    machines: [{ name: "b", macs: ["52:54:00:00:00:03"] }],
    removed: [first.machines[0].id],
  });
  expect(
    next.prefetch.map((file: { path: string; sizeBytes: number }) => [file.path, file.sizeBytes]),
  ).toEqual([
    ["linux", 3000],
    ["initrd.gz", 5000],
  ]);
  expect(await state(next.revision + 1000)).toMatchObject({ full: true });
});

test("a relay gets an image's manifest, with the hashes of its chunks and nothing of where it is kept", async () => {
  const relay = await createSite("lab");
  const chunk = new Uint8Array(1 << 20).fill(3);
  const rest = new Uint8Array(10).fill(4);
  const whole = new Uint8Array([...chunk, ...rest]);
  const stored = await upload("tree", "big", [whole]);
  const url = "https://mirror.example.org/linux";
  const sha256 = await sha256Of(rest);
  const elsewhere = { url, sizeBytes: rest.length, sha256 };
  vi.stubGlobal("fetch", async () => new Response(rest));
  const { revision } = await done("PUT", "/images/tree", {
    files: { big: { sha256: stored }, "a/linux": elsewhere },
    origins: ["https://mirror.example.org"],
  });
  vi.unstubAllGlobals();

  const manifest = (token: string, name = revision) => request("GET", `/relay/v1/images/${name}`, { token });
  const reply = await manifest(relay.credential);
  expect(reply.json).toEqual({
    files: {
      big: {
        sizeBytes: whole.length,
        sha256: stored,
        chunks: [await sha256Of(chunk), await sha256Of(rest)],
      },
      "a/linux": { sizeBytes: rest.length, sha256, chunks: [sha256] },
    },
  });
  expect(reply.headers.get("pxedge-state")).toMatch(/^\d+$/);
  expect((await manifest(relay.credential, "0".repeat(32))).status).toBe(404);
  expect((await manifest("pxr_nobody")).status).toBe(401);
  const { items } = await done("GET", "/sites/lab/relays");
  await done("DELETE", `/sites/lab/relays/${items[0].id}`);
  expect((await manifest(relay.credential)).status).toBe(401);
});

test("boot files of the site and of a machine reach the relay, and go again", async () => {
  const shim = { "efi-x86_64": ["shimx64.efi"], "efi-arm64": ["debian-installer/arm64/bootnetaa64.efi"] };
  const relay = await createSite("lab", { bootFiles: { bios: ["pxelinux.0", "undionly.kpxe"] } });
  await done("PUT", "/sites/lab/machines/a", { macs: ["525400000001"], bootFiles: shim });
  const state = async () => (await request("GET", "/relay/v1/state", { token: relay.credential })).json;
  expect(await state()).toMatchObject({
    site: { bootFiles: { bios: ["pxelinux.0", "undionly.kpxe"] } },
    machines: [{ name: "a", bootFiles: shim }],
  });

  await done("PATCH", "/sites/lab/machines/a", { bootFiles: { "efi-arm64": null } });
  await done("PUT", "/sites/lab", { bootFiles: { bios: ["own.kpxe"] } });
  const changed = await state();
  expect(changed.site.bootFiles).toEqual({ bios: ["own.kpxe"] });
  expect(changed.machines[0].bootFiles).toEqual({ "efi-x86_64": ["shimx64.efi"] });

  await done("PATCH", "/sites/lab/machines/a", { bootFiles: null });
  await done("PUT", "/sites/lab", {});
  const without = await state();
  expect(without.site).not.toHaveProperty("bootFiles");
  expect(without.machines[0]).not.toHaveProperty("bootFiles");
});

test.each([
  ["a path out of the root", { bios: ["../pxelinux.0"] }],
  ["an absolute path", { bios: ["/pxelinux.0"] }],
  ["a name with a blank", { bios: ["pxe linux.0"] }],
  ["a name that no packet holds", { bios: ["x".repeat(128)] }],
  ["a class that is none", { "efi-x64": ["shimx64.efi"] }],
])("boot files that no relay could serve are refused: %s", async (_, bootFiles) => {
  await createSite("lab");
  const machine = { macs: ["525400000001"], bootFiles };
  for (const reply of [
    await api("PUT", "/sites/lab/machines/a", machine),
    await api("PUT", "/sites/lab", { bootFiles }),
  ]) {
    expect(reply.status).toBe(422);
    expect(reply.json.errors[0].field).toContain("bootFiles");
  }
});

test("every answer to a relay says how new the state is", async () => {
  const relay = await createSite("lab");
  const revision = async () =>
    Number(
      (await relay.ask("52:54:00:00:00:01", "GET", "/boot/525400000001/script.ipxe")).headers.get(
        "pxedge-state",
      ),
    );
  const before = await revision();
  await done("PUT", "/sites/lab/machines/a", { macs: ["525400000001"] });
  expect(await revision()).toBe(before + 1);
});

test("events are taken once each, in order, and a wrong one does not hold up the rest", async () => {
  const relay = await createSite("lab");
  await done("PUT", "/sites/lab/machines/a", { macs: ["525400000001"] });
  const event = (id: string, name = "sent"): unknown => ({
    id,
    at: "2026-11-21T07:00:00.000Z",
    mac: "52:54:00:00:00:01",
    stage: "tftp",
    name,
    detail: { file: "snponly.efi", bytes: 173_792 },
  });
  const post = async (body: unknown) =>
    await request("POST", "/relay/v1/events", { token: relay.credential, body });

  expect((await post([event("1"), event("2", "exploded"), event("3"), { id: 7 }])).json).toEqual({
    accepted: 2,
    rejected: [
      { index: 1, message: expect.stringContaining("name") },
      { index: 3, message: expect.stringContaining("id") },
    ],
  });
  expect((await post([event("3"), event("4")])).json).toMatchObject({ accepted: 2 });
  const { items } = await done("GET", "/sites/lab/machines/a/timeline");
  expect(items.map((item: BootEvent) => item.id)).toEqual(["1", "3", "4"]);
  expect(items[0]).toMatchObject({ stage: "tftp", name: "sent", detail: { file: "snponly.efi" } });
  const { items: later, next } = await done("GET", `/sites/lab/events?after=${items[1].seq}`);
  expect(later).toHaveLength(1);
  expect((await done("GET", `/sites/lab/events?after=${next}`)).items).toEqual([]);

  expect((await post({ not: "a list" })).status).toBe(422);
  expect((await post(Array.from({ length: 501 }, (_, i) => event(`x${i}`)))).status).toBe(422);
});

test("a relay is told which attempt a script, an answer and a callback belong to, and nobody else is", async () => {
  const relay = await createSite("lab", { directInstall: true });
  await createProfiles();
  const mac = "52:54:00:00:00:01";
  const path = "/boot/52-54-00-00-00-01/script.ipxe";
  await done("PUT", "/sites/lab/machines/a", { macs: [mac] });
  const told = ({ headers }: Reply) => headers.get(RELAY_HEADER.ATTEMPT);
  const script = (observed: string | null = mac) => relay.ask(observed, "GET", path);
  expect(told(await script())).toBeNull();

  await done("POST", "/sites/lab/machines/a/arm", { profile: "debian-12" });
  const [{ id }] = (await done("GET", "/sites/lab/machines/a/attempts")).items;
  for (const stranger of [null, "52:54:00:00:00:99"]) expect(told(await script(stranger))).toBeNull();
  const { token } = await done("POST", "/sites/lab/boot-tokens", { description: "rack 1" });
  const direct = await request("GET", `/s/${token}${path}`);
  expect(direct.text).toContain("kernel");
  expect(told(direct)).toBeNull();

  const install = await script();
  expect(told(install)).toBe(id);
  const capability = capabilityOf(install.text);
  expect(told(await relay.ask(mac, "GET", `/a/${capability}/unknown`))).toBeNull();
  expect(told(await relay.ask(mac, "GET", `/a/${capability}/answer.sh`))).toBe(id);
  expect(told(await script())).toBe(id);
  const callback = () =>
    relay.ask(mac, "POST", `/e/${capability}/installed`, "", { [RELAY_HEADER.EVENT_ID]: "e1" });
  expect(told(await callback())).toBe(id);
  // The same once more, as a relay does that is not sure whether it arrived.
  expect(told(await callback())).toBe(id);
  expect(told(await script())).toBeNull();
});
