import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api, createProfiles, createSite, done, request, type TestRelay } from "./control-plane.ts";

let relay: TestRelay;
beforeEach(async () => {
  relay = await createSite("lab");
  await createProfiles();
});
afterEach(reset);

const MACHINES = "/sites/lab/machines:batch";
const mac = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;
const names = async () =>
  (await done("GET", "/sites/lab/machines")).items.map((item: { name: string }) => item.name);
const fieldsOf = (reply: { json: { errors: { field: string }[] } }) =>
  reply.json.errors.map(({ field }) => field);
const stateRevision = async () =>
  (await request("GET", "/relay/v1/state", { token: relay.credential })).json.revision;
const audited = async () => (await done("GET", "/audit?limit=1000")).items.length;

describe("a batch of machines", () => {
  beforeEach(async () => {
    await done("POST", MACHINES, {
      put: [
        { id: "a", macs: [mac(1)], address: "192.168.77.1", profile: "debian-12" },
        { id: "b", macs: [mac(2)], address: "192.168.77.2" },
      ],
    });
  });

  test("may exchange what machines are known by: what counts is its end", async () => {
    const { items, changes } = await done("POST", MACHINES, {
      put: [
        { id: "a", macs: [mac(2)], address: "192.168.77.2" },
        { id: "b", macs: [mac(1)], address: "192.168.77.1" },
      ],
    });
    expect(items).toMatchObject([{ macs: [mac(2)] }, { macs: [mac(1)] }]);
    expect(changes).toMatchObject([
      { outcome: "changed", put: 0, before: { macs: [mac(1)] } },
      { outcome: "changed", put: 1, before: { macs: [mac(2)] } },
    ]);
    expect(await relay.script(mac(1))).toContain("sanboot");
    expect((await done("GET", `/sites/lab/machines/${mac(2)}`)).name).toBe("a");
  });

  test("of what is there already changes nothing", async () => {
    const before = await stateRevision();
    const { changes } = await done("POST", MACHINES, {
      put: [{ id: "b", macs: ["52-54-00-00-00-02"], address: "192.168.77.2", variables: {} }],
    });
    expect(changes).toEqual([]);
    expect(await stateRevision()).toBe(before);
  });

  test("that is tried says what would happen, and leaves all as it was, the audit log too", async () => {
    const [before, entries] = [await stateRevision(), await audited()];
    const batch = { put: [{ id: "c", macs: [mac(1)] }], delete: ["a"], dryRun: true };
    const { changes, deleted } = await done("POST", MACHINES, batch);
    expect(deleted).toBe(1);
    expect(changes).toMatchObject([
      { outcome: "deleted", delete: 0, before: { name: "a" } },
      { outcome: "created", put: 0 },
    ]);
    expect(await names()).toEqual(["a", "b"]);
    expect(await stateRevision()).toBe(before);
    expect(await audited()).toBe(entries);
  });

  test("can be tried for a site that is yet to be made", async () => {
    const path = "/sites/new/machines:batch";
    const put = [{ id: "x", macs: [mac(9)] }];
    expect(await done("POST", path, { put, dryRun: true })).toMatchObject({ changes: [{ put: 0 }] });
    const twice = await api("POST", path, { put: [...put, { id: "y", macs: [mac(9)] }], dryRun: true });
    expect(twice.status).toBe(422);
    expect(twice.json.errors).toEqual([{ field: "put[1].macs[0]", message: `${mac(9)} belongs to "x"` }]);
    expect((await api("POST", path, { put })).status).toBe(404);
    expect((await done("GET", "/sites")).items).toHaveLength(1);
  });

  test("asks for tags member by member: 412, and nothing is changed", async () => {
    const { changes } = await done("POST", MACHINES, {
      put: [
        { id: "a", macs: [mac(1)], serial: "S" },
        { id: "b", macs: [mac(2)], serial: "T" },
      ],
      dryRun: true,
    });
    const [tagOfA, tagOfB] = changes.map((change: { etag: string }) => change.etag);
    await done("PATCH", "/sites/lab/machines/b", { labels: { seen: "yes" } });
    const reply = await api("POST", MACHINES, {
      put: [
        { id: "a", ifMatch: tagOfA, macs: [mac(1)], serial: "S" },
        { id: "b", ifMatch: tagOfB, macs: [mac(2)], serial: "T" },
      ],
      delete: [{ id: "a", ifMatch: "other" }],
    });
    expect(reply.status).toBe(412);
    expect(fieldsOf(reply)).toEqual(["delete[0]", "put[1]"]);
    const created = await api("POST", MACHINES, { put: [{ id: "a", ifMatch: null, macs: [mac(7)] }] });
    expect(created.status).toBe(412);
    await done("POST", MACHINES, { put: [{ id: "a", ifMatch: tagOfA, macs: [mac(1)], serial: "S" }] });
  });

  test("does not pull a machine from under an install; labels and variables may change", async () => {
    await done("POST", "/sites/lab/machines/a/arm", {});
    const a = { id: "a", macs: [mac(1)], address: "192.168.77.1", profile: "debian-12" };
    for (const [change, field] of [
      [{ macs: [mac(3)] }, "macs"],
      [{ profile: "no-answers" }, "profile"],
      [{ serial: "S" }, "serial"],
    ] as const) {
      const reply = await api("POST", MACHINES, { put: [{ ...a, ...change }] });
      expect(reply.status, field).toBe(422);
      expect(reply.json.errors).toEqual([
        {
          field: `put[0].${field}`,
          message: expect.stringMatching(/^attempt \w+ of "a" is armed: disarm it/),
        },
      ]);
    }
    expect(fieldsOf(await api("POST", MACHINES, { delete: ["a"] }))).toEqual(["delete[0]"]);
    await done("POST", MACHINES, { put: [{ ...a, labels: { rack: "r1" }, variables: { x: 1 } }] });
    await done("POST", "/sites/lab/machines/a/disarm");
    await done("POST", MACHINES, { put: [{ ...a, macs: [mac(3)] }] });
  });

  test("names each fault: two that are one machine, a name that cannot be, an unknown field", async () => {
    const reply = await api("POST", MACHINES, {
      put: [
        { id: "a", macs: [mac(1)] },
        { id: mac(1), macs: [mac(1)] },
        { id: "Not A Name", macs: [mac(5)] },
      ],
    });
    expect(fieldsOf(reply).sort()).toEqual(["put[1].id", "put[2].name"]);
    const unknown = await api("POST", MACHINES, { put: [{ id: "a", mac: [mac(1)], rack: "r1" }] });
    expect(unknown.json.errors).toEqual([
      { field: "put[0].mac", message: 'is not a known field: did you mean "macs"?' },
      { field: "put[0].rack", message: expect.stringMatching(/^is not a known field; there are id, /) },
    ]);
  });

  test("a moved head touches no machine's tag", async () => {
    const tag = async () => (await api("GET", "/sites/lab/machines/a")).headers.get("etag");
    const before = await tag();
    const profile = { mode: "live", image: "debian-12", kernel: "linux" };
    await done("PUT", "/profiles/debian-12", profile);
    await expect
      .poll(async () => (await request("GET", "/relay/v1/state", { token: relay.credential })).json.machines)
      .toContainEqual(expect.objectContaining({ name: "a", diskless: true }));
    expect(await tag()).toBe(before);
  });
});

describe("a batch of documents", () => {
  const BATCH = "/documents:batch";
  const text = (body: string) => `---\nkind: shell\ndescription: x\n---\n${body}\n`;
  const kernel = { mode: "install", image: "debian-12", kernel: "linux" };
  const template = (name: string, body: string) => ({
    kind: "template",
    name,
    document: { text: text(body) },
  });
  const profile = (name: string, document: object) => ({ kind: "profile", name, document });
  const heads = async (kind: string) =>
    (await done("GET", `/${kind}`)).items.map((item: { name: string }) => item.name);

  test("holds what names one another, in any order, and tells what it made of each", async () => {
    const put = [
      profile("menu", {
        mode: "menu",
        title: "Lab",
        items: [
          { key: "disk", label: "Disk", action: "local" },
          { key: "i", label: "I", profile: "web" },
        ],
        default: "disk",
      }),
      profile("web", { ...kernel, answers: { "a.sh": { template: "web" } } }),
      template("web", "echo {{secret.token}}"),
    ];
    const tried = await done("POST", BATCH, { put, dryRun: true });
    expect(tried.items).toMatchObject([
      { outcome: "created", before: null, document: { timeoutSeconds: 30 } },
      { outcome: "created", document: { initrds: [], args: "" } },
      { outcome: "created" },
    ]);
    expect(tried.secrets).toEqual(["token"]);
    expect(await heads("templates")).toEqual(["answer"]);
    const entries = await audited();

    const made = await done("POST", BATCH, { put });
    const revisions = (items: { revision: string }[]) => items.map(({ revision }) => revision);
    expect(revisions(made.items)).toEqual(revisions(tried.items));
    expect(await heads("profiles")).toEqual(["debian-12", "menu", "no-answers", "web"]);
    expect((await done("GET", "/profiles/web")).revision).toBe(made.items[1].revision);
    // One entry a document, and one of the batch.
    expect(await audited()).toBe(entries + 4);
    const again = await done("POST", BATCH, { put });
    expect(again.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(
      Array(3).fill("unchanged"),
    );
  });

  test("with faults changes nothing and names all of them", async () => {
    const put = [
      template("good", "echo"),
      template("bad", "{{#shell}}"),
      // Names what is at fault itself: that is one fault, not two.
      profile("p1", { ...kernel, answers: { "a.sh": { template: "bad" } } }),
      profile("p2", { ...kernel, image: "none", rescue: "p1", onFailure: "rescue" }),
      profile("p2", { mode: "local" }),
    ];
    for (const dryRun of [true, false]) {
      const reply = await api("POST", BATCH, { put, dryRun });
      expect(reply.status).toBe(422);
      const fields = fieldsOf(reply).sort();
      expect(fields).toEqual(
        dryRun
          ? [
              expect.stringMatching(/^put\[1\]\.document\.text:\d+:\d+$/),
              "put[3].document.image",
              "put[3].document.rescue",
              "put[4].name",
            ]
          : [expect.stringMatching(/^put\[1\]/), "put[4].name"],
      );
    }
    expect(await heads("templates")).toEqual(["answer"]);
  });

  test("says which files have to be uploaded, and of which image nothing would change", async () => {
    const { files } = await done("GET", "/images/debian-12");
    const sha256 = "5".repeat(64);
    const named = Object.fromEntries(
      Object.entries<{ sha256: string }>(files).map(([path, file]) => [path, { sha256: file.sha256 }]),
    );
    const put = [
      { kind: "image", name: "debian-12", document: { files: named } },
      { kind: "image", name: "more", document: { files: { ...named, "more.gz": { sha256 } } } },
    ];
    const tried = await done("POST", BATCH, { put, dryRun: true });
    expect(tried.items).toMatchObject([{ outcome: "unchanged" }, { outcome: "created", revision: null }]);
    expect(tried.missingFiles).toEqual([sha256]);
    const reply = await api("POST", BATCH, { put });
    expect(fieldsOf(reply)).toEqual(["put[1].document.files.more.gz.sha256"]);
    expect((await done("POST", BATCH, { put: [put[0]] })).items[0].outcome).toBe("unchanged");
  });

  test("a file of an image is held against its own kind", async () => {
    const url = "https://images.example.org/linux";
    const put = [{ kind: "image", name: "x", document: { files: { linux: { url, sha256: "a" } } } }];
    expect(fieldsOf(await api("POST", BATCH, { put, dryRun: true })).sort()).toEqual([
      "put[0].document.files.linux.sha256",
      "put[0].document.files.linux.sizeBytes",
    ]);
  });

  test("asks for tags: what was changed meanwhile is not overwritten", async () => {
    const before = (await done("GET", "/templates/answer")).revision;
    await done("PUT", "/templates/answer", { text: text("echo by somebody else") });
    const put = [profile("new", { mode: "local" }), { ...template("answer", "echo mine"), ifMatch: before }];
    const reply = await api("POST", BATCH, { put });
    expect(reply).toMatchObject({ status: 412 });
    expect(fieldsOf(reply)).toEqual(["put[1]"]);
    expect(await heads("profiles")).toEqual(["debian-12", "no-answers"]);
  });

  test("deletes what only that used which goes as well, and keeps the rest where it is told so", async () => {
    await done("PUT", "/sites/lab/machines/node1", { macs: [mac(1)], profile: "no-answers" });
    const all = [
      ...["debian-12", "no-answers"].map((name) => ({ kind: "profile", name })),
      { kind: "template", name: "answer" },
      { kind: "image", name: "debian-12" },
    ];
    const refused = await api("POST", BATCH, { delete: all });
    expect(refused.json.errors.map(({ message }: { message: string }) => message)).toEqual([
      'profile "no-answers" is in use by site "lab"; change or delete those first',
    ]);
    const tried = await done("POST", BATCH, {
      delete: all,
      keepUsed: true,
      sites: { lab: [] },
      dryRun: true,
    });
    expect(tried).toMatchObject({ deleted: all, kept: [] });
    const { deleted, kept } = await done("POST", BATCH, { delete: all, keepUsed: true });
    expect(deleted).toEqual([all[0], all[2]]);
    expect(kept).toEqual([
      { ...all[1], users: ['site "lab"'] },
      { ...all[3], users: ['profile "no-answers"'] },
    ]);
    await api("DELETE", "/sites/lab/machines/node1");
    await done("POST", BATCH, { delete: [all[1], all[3]] });
    expect([...(await heads("profiles")), ...(await heads("templates")), ...(await heads("images"))]).toEqual(
      [],
    );
  });
});

test("a site that is tried is neither made nor changed", async () => {
  const tried = await api("PUT", "/sites/new?dryRun=true", { policy: "discover" });
  expect(tried).toMatchObject({
    status: 201,
    json: { name: "new", policy: "discover", bootWaitSeconds: 300 },
  });
  expect((await api("GET", "/sites/new")).status).toBe(404);
  const before = (await api("GET", "/sites/lab")).headers.get("etag");
  const changed = await api("PUT", "/sites/lab?dryRun=true", { policy: "discover" });
  expect(changed).toMatchObject({ status: 200, json: { policy: "discover" } });
  expect(changed.headers.get("etag")).toBe(before);
  expect(await done("GET", "/sites/lab")).toMatchObject({ policy: "local" });
});
