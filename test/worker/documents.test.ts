import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api, createProfiles, createSite, done, request, type TestRelay } from "./control-plane.ts";

let relay: TestRelay;
beforeEach(async () => {
  relay = await createSite("lab");
});
afterEach(reset);

const stateRevision = async () =>
  (await request("GET", "/relay/v1/state", { token: relay.credential })).json.revision;

describe("ETag and If-Match", () => {
  const text = (word: string) => `---\nkind: shell\ndescription: x\n---\necho ${word}\n`;
  const DOCUMENTS: readonly (readonly [string, object, object])[] = [
    ["/sites/other", {}, { bootWaitSeconds: 60 }],
    ["/sites/lab/machines/m", { macs: ["525400000001"] }, { macs: ["525400000001"], serial: "S1" }],
    ["/templates/t", { text: text("one") }, { text: text("two") }],
    ["/profiles/p", { mode: "local" }, { mode: "install", image: "debian-12", kernel: "linux" }],
    ["/secrets/s", { value: "one" }, { value: "two" }],
  ];
  for (const [path, first, second] of DOCUMENTS) {
    test(path, async () => {
      await createProfiles();
      const absent = await api("PUT", path, first, { "if-match": '"something"' });
      expect(absent).toMatchObject({ status: 412, json: { type: "urn:pxedge:problem:precondition-failed" } });
      const created = await api("PUT", path, first, { "if-none-match": "*" });
      expect(created.status, created.text).toBe(201);
      const etag = created.headers.get("etag")!;
      expect(etag).toMatch(/^"[^"]+"$/);
      expect((await api("PUT", path, first, { "if-none-match": "*" })).status).toBe(412);
      expect((await api("GET", path)).headers.get("etag")).toBe(etag);
      expect((await api("GET", path, undefined, { "if-none-match": etag })).status).toBe(304);

      const changed = await api("PUT", path, second, { "if-match": `W/${etag}` });
      expect(changed.status, changed.text).toBe(200);
      expect(changed.headers.get("etag")).not.toBe(etag);
      expect((await api("PUT", path, first, { "if-match": etag })).status).toBe(412);
      expect((await api("DELETE", path, undefined, { "if-match": etag })).status).toBe(412);
      const present = changed.headers.get("etag")!;
      expect((await api("DELETE", path, undefined, { "if-match": `"x", ${present}` })).status).toBe(204);
      expect((await api("GET", path)).status).toBe(404);
    });
  }

  test("the same document again changes neither tag nor state", async () => {
    await done("PUT", "/sites/lab/machines/m", { macs: ["525400000001"], variables: { a: 1, b: 2 } });
    await done("PUT", "/sites/lab", { variables: { x: 1 } });
    const before = await stateRevision();
    const tags = await Promise.all(["/sites/lab", "/sites/lab/machines/m"].map((path) => api("GET", path)));
    await done("PUT", "/sites/lab/machines/m", { variables: { b: 2, a: 1 }, macs: ["52-54-00-00-00-01"] });
    await done("PUT", "/sites/lab", { variables: { x: 1 } });
    expect(await stateRevision()).toBe(before);
    for (const { headers, json } of tags) {
      const path = json.macs === undefined ? "/sites/lab" : "/sites/lab/machines/m";
      expect((await api("GET", path)).headers.get("etag")).toBe(headers.get("etag"));
    }
  });
});

describe("PATCH of a machine", () => {
  test("merges, takes away by null, and is checked as a whole", async () => {
    const path = "/sites/lab/machines/m";
    await done("PUT", path, {
      macs: ["525400000001"],
      serial: "S1",
      variables: { a: 1, b: "two" },
      labels: { rack: "r1" },
    });
    const patched = await api(
      "PATCH",
      path,
      { serial: null, variables: { a: null, c: true }, labels: { row: "7" } },
      { "content-type": "application/merge-patch+json" },
    );
    expect(patched).toMatchObject({
      status: 200,
      json: { variables: { b: "two", c: true }, labels: { rack: "r1", row: "7" } },
    });
    expect(patched.json).not.toHaveProperty("serial");
    expect(patched.json.variables).not.toHaveProperty("a");
    expect(patched.headers.get("etag")).toBe((await api("GET", path)).headers.get("etag"));

    const wrong = await api("PATCH", path, { macs: ["x"], id: "y", colour: 1 });
    expect(wrong.status).toBe(422);
    expect(wrong.json.errors.map((error: { field: string }) => error.field)).toEqual([
      "macs[0]",
      "id",
      "colour",
    ]);
    expect(await api("PATCH", path, { macs: null })).toMatchObject({
      status: 422,
      json: { errors: [{ field: "macs" }] },
    });
    expect((await api("PATCH", path, {}, { "if-match": '"old"' })).status).toBe(412);
    expect((await api("PATCH", "/sites/lab/machines/none", {})).status).toBe(404);
    await api("PATCH", path, '{"__proto__":{"serial":"S2"},"variables":{"__proto__":{"b":"three"}}}');
    expect((await done("GET", path)).variables.b).toBe("two");
    expect((await done("GET", path)).serial).toBeUndefined();
  });
});

describe("lists of machines", () => {
  beforeEach(async () => {
    await done("POST", "/sites/lab/machines:batch", {
      put: [
        { id: "a", macs: ["525400000001"], labels: { rack: "r1", role: "db" }, serial: "XYZ-7" },
        { id: "b", macs: ["525400000002"], labels: { rack: "r1" }, address: "192.168.77.9" },
        { id: "c", macs: ["5254000000aa"], labels: { rack: "r2" }, variables: { password: "r1-xyz" } },
      ],
    });
  });
  const names = async (query: string) =>
    (await done("GET", `/sites/lab/machines?${query}`)).items.map((item: { name: string }) => item.name);

  test("by labels and by part of a name, address, serial or MAC", async () => {
    expect(await names("selector=rack%3Dr1")).toEqual(["a", "b"]);
    expect(await names("selector=rack%3Dr1,role%3Ddb")).toEqual(["a"]);
    expect(await names("q=xyz")).toEqual(["a"]);
    expect(await names("q=192.168.77")).toEqual(["b"]);
    expect(await names("q=00-AA")).toEqual(["c"]);
    expect(await names("selector=rack%3Dr1&q=00:00:02")).toEqual(["b"]);
    for (const selector of ["rack", "a=b=c", 'x"y=1', ""]) {
      const reply = await api("GET", `/sites/lab/machines?selector=${encodeURIComponent(selector)}`);
      expect(reply, selector).toMatchObject({ status: 400, json: { errors: [{ field: "selector" }] } });
    }
  });

  test("a batch happens wholly or not at all, and names every fault", async () => {
    const before = await stateRevision();
    const reply = await api("POST", "/sites/lab/machines:batch", {
      delete: ["a", "none"],
      put: [
        { id: "d", macs: ["525400000001"] },
        { id: "e", macs: ["525400000002"] },
      ],
    });
    expect(reply.status).toBe(422);
    expect(reply.json.errors.map((error: { field: string }) => error.field)).toEqual([
      "delete[1]",
      "put[1].macs[0]",
    ]);
    expect(await names("")).toEqual(["a", "b", "c"]);
    expect(await stateRevision()).toBe(before);
    await done("POST", "/sites/lab/machines:batch", {
      delete: ["a"],
      put: [{ id: "d", macs: ["525400000001"] }],
    });
    expect(await names("")).toEqual(["b", "c", "d"]);
  });

  test("every list goes on where its page ended", async () => {
    await createProfiles();
    await createSite("lab2");
    for (const n of [1, 2, 3]) await done("POST", "/tokens", { name: `t${n}`, role: "viewer" });
    for (const n of [1, 2, 3]) await done("PUT", `/secrets/s${n}`, { value: "v" });
    for (const n of [1, 2, 3]) await done("POST", "/sites/lab/boot-tokens", { description: `b${n}` });
    for (const n of [1, 2, 3]) {
      const text = `---\nkind: shell\ndescription: x\n---\necho ${n}\n`;
      await done("PUT", "/templates/t", { text });
      await done("POST", "/sites/lab/machines/a/arm", { profile: "debian-12" });
      await done("POST", "/sites/lab/machines/a/disarm");
    }
    for (const path of [
      "/sites",
      "/tokens",
      "/secrets",
      "/profiles",
      "/templates",
      "/templates/t/revisions",
      "/sites/lab/machines",
      "/sites/lab/boot-tokens",
      "/sites/lab/machines/a/attempts",
    ]) {
      const all = (await done("GET", path)).items;
      expect(all.length, path).toBeGreaterThanOrEqual(2);
      const paged = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const page: { items: unknown[]; next: string | null } = await done(
          "GET",
          `${path}?limit=1&after=${encodeURIComponent(cursor)}`,
        );
        paged.push(...page.items);
        cursor = page.next;
        expect(paged.length).toBeLessThanOrEqual(all.length);
      }
      expect(paged, path).toEqual(all);
    }
  });
});

describe("sites", () => {
  test("go only without machines, and their relays with them", async () => {
    await done("PUT", "/sites/lab/machines/m", { macs: ["525400000001"] });
    expect((await api("DELETE", "/sites/lab")).status).toBe(409);
    await api("DELETE", "/sites/lab/machines/m");
    expect((await api("DELETE", "/sites/lab")).status).toBe(204);
    expect((await api("GET", "/sites/lab")).status).toBe(404);
    expect((await request("GET", "/relay/v1/state", { token: relay.credential })).status).toBe(401);
    const id = (await done("PUT", "/sites/lab", {})).id;
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect((await request("GET", "/relay/v1/state", { token: relay.credential })).status).toBe(401);
  });
});

describe("a template's examples", () => {
  const put = async (...lines: string[]) =>
    await api("PUT", "/templates/examples", { text: ["---", "kind: shell", ...lines, ""].join("\n") });
  const head = [
    "description: x",
    "variables:",
    "  disk: { type: string, required: true }",
    "  size: { type: number }",
    "examples:",
  ];

  test("are rendered when it is put: what fails is named by its place", async () => {
    const fits = await put(
      ...head,
      "  one: { disk: /dev/sda, size: 3 }",
      "---",
      "d={{disk}} s={{size}} {{machine.serial}} {{urls.tree}} {{secret.rootHash}}",
    );
    expect(fits.status, fits.text).toBe(201);
    const wrong = await put(
      ...head,
      "  none: { size: 3 }",
      '  breaks: { disk: "a\\0b", size: 3 }',
      "---",
      "d={{disk}}",
      "s={{size}} {{undeclared}}",
    );
    expect(wrong.status).toBe(422);
    const errors = wrong.json.errors as { field: string; message: string }[];
    expect(errors).toContainEqual({
      field: "text:1:1",
      message: expect.stringContaining('example "none": variable disk is required: text'),
    });
    expect(errors).toContainEqual({
      field: "text:12:12",
      message: 'example "none": variable undeclared resolves to nothing',
    });
    expect(errors).toContainEqual({
      field: "text:11:3",
      message: expect.stringContaining('example "breaks": value of disk cannot be rendered'),
    });
  });
});

describe("rollback", () => {
  test("moves the head to an earlier revision; who and when is told", async () => {
    const text = (word: string) => `---\nkind: shell\ndescription: x\n---\necho ${word}\n`;
    const { token } = await done("POST", "/tokens", { name: "ann", role: "admin" });
    const first = await done("PUT", "/templates/t", { text: text("one") });
    const second = await request("PUT", "/api/v1/templates/t", { token, body: { text: text("two") } });
    expect((await done("GET", "/templates/t/revisions")).items).toMatchObject([
      { revision: second.json.revision, createdBy: "ann", current: true },
      { revision: first.revision, createdBy: "ADMIN_TOKEN", current: false },
    ]);
    const stale = await api("POST", "/templates/t/rollback", first, { "if-match": '"x"' });
    expect(stale.status).toBe(422);
    const { revision } = first;
    expect((await api("POST", "/templates/t/rollback", { revision }, { "if-match": '"x"' })).status).toBe(
      412,
    );
    await done("POST", "/templates/t/rollback", { revision });
    expect(await done("GET", "/templates/t")).toMatchObject({ revision, text: text("one") });
    const never = await api("POST", "/templates/t/rollback", { revision: "0".repeat(32) });
    expect(never).toMatchObject({ status: 422, json: { errors: [{ field: "revision" }] } });
  });

  test("of an image is as of any document, its ETag as well", async () => {
    await createProfiles();
    const first = await api("GET", "/images/debian-12");
    const { linux } = first.json.files;
    const files = { linux: { sha256: linux.sha256 } };
    const etag = first.headers.get("etag")!;
    expect((await api("PUT", "/images/debian-12", { files }, { "if-match": '"x"' })).status).toBe(412);
    const changed = await api("PUT", "/images/debian-12", { files }, { "if-match": etag });
    expect(changed.status, changed.text).toBe(200);
    expect(changed.json.revision).not.toBe(first.json.revision);
    const { revision } = first.json;
    await done("POST", "/images/debian-12/rollback", { revision });
    expect((await api("GET", "/images/debian-12")).headers.get("etag")).toBe(etag);
    const used = await api("DELETE", "/images/debian-12");
    expect(used.status).toBe(409);
    expect(used.json.detail).toContain('in use by profile "debian-12", profile "no-answers"');
    for (const profile of ["debian-12", "no-answers"]) await api("DELETE", `/profiles/${profile}`);
    expect((await api("DELETE", "/images/debian-12", undefined, { "if-match": etag })).status).toBe(204);
  });

  test("of a profile is refused where it names what is gone", async () => {
    await createProfiles();
    const { revision } = await done("GET", "/profiles/debian-12");
    await done("PUT", "/profiles/debian-12", { mode: "local" });
    await api("DELETE", "/templates/answer");
    const reply = await api("POST", "/profiles/debian-12/rollback", { revision });
    expect(reply).toMatchObject({ status: 422, json: { errors: [{ field: "answers.answer.sh.template" }] } });
  });
});
