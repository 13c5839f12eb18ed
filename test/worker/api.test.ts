import { reset } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import { api, createProfiles, createSite, done, request, sha256Of, upload } from "./control-plane.ts";

afterEach(reset);

describe("tokens", () => {
  test("without the right bearer token the API answers 401 and says nothing else", async () => {
    for (const token of [undefined, "", "pxa_wrong", "pxr_0000000000000000_0000000000000000_0"]) {
      const reply = await request("GET", "/api/v1/sites", { ...(token !== undefined && { token }) });
      expect(reply).toMatchObject({ status: 401, json: { type: "urn:pxedge:problem:unauthorized" } });
    }
  });

  test("a join token joins once", async () => {
    await done("POST", "/sites", { name: "lab" });
    const { token } = await done("POST", "/sites/lab/join-tokens");
    const join = () => request("POST", "/api/v1/relays/join", { body: { token } });
    expect((await join()).status).toBe(201);
    expect(await join()).toMatchObject({ status: 401, json: { type: "urn:pxedge:problem:unauthorized" } });
  });
});

describe("sites", () => {
  test("a site keeps its id when it is put again, and its name is its own", async () => {
    const site = await done("POST", "/sites", { name: "lab" });
    expect(site).toMatchObject({ name: "lab", bootWaitSeconds: 300 });
    expect((await api("POST", "/sites", { name: "lab" })).status).toBe(409);
    const changed = await api("PUT", "/sites/lab", { bootWaitSeconds: null });
    expect(changed).toMatchObject({ status: 200, json: { id: site.id, bootWaitSeconds: null } });
    expect((await api("GET", "/sites/other")).status).toBe(404);
  });

  test("what is wrong with a document is named, all at once", async () => {
    const reply = await api("POST", "/sites", { name: "Lab!", bootWaitSeconds: "long", colour: "red" });
    expect(reply.status).toBe(422);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(reply.json.errors.map((error: { field: string }) => error.field).sort()).toEqual([
      "bootWaitSeconds",
      "colour",
      "name",
    ]);
    expect(await api("POST", "/sites", "{")).toMatchObject({ status: 400 });
    expect(await api("POST", "/sites", "x".repeat(1_048_577))).toMatchObject({ status: 413 });
  });
});

describe("machines", () => {
  test("one machine by its name, its id and any of its MACs in any notation", async () => {
    await createSite("lab");
    const machine = await done("PUT", "/sites/lab/machines/node1", {
      macs: ["52-54-00-AA-00-01", "525400aa0002"],
    });
    expect(machine).toMatchObject({ name: "node1", macs: ["52:54:00:aa:00:01", "52:54:00:aa:00:02"] });
    for (const key of ["node1", machine.id, "52:54:00:aa:00:01", "52-54-00-AA-00-02", "525400aa0002"]) {
      expect(await done("GET", `/sites/lab/machines/${key}`)).toEqual(machine);
    }
    const again = await done("PUT", `/sites/lab/machines/525400aa0002`, { serial: "S1" });
    expect(again).toMatchObject({ id: machine.id, name: "node1", macs: machine.macs, serial: "S1" });
    expect((await api("DELETE", "/sites/lab/machines/node1")).status).toBe(204);
    expect((await api("GET", `/sites/lab/machines/${machine.id}`)).status).toBe(404);
  });

  test("a new machine that is named by its MAC needs nothing more", async () => {
    await createSite("lab");
    expect(await done("PUT", "/sites/lab/machines/52:54:00:AA:00:01", {})).toMatchObject({
      name: "52-54-00-aa-00-01",
      macs: ["52:54:00:aa:00:01"],
    });
  });

  test("a name, MAC or address is one machine's only", async () => {
    await createSite("lab");
    await done("PUT", "/sites/lab/machines/a", { macs: ["52:54:00:00:00:01"], address: "192.168.77.10" });
    const conflicts = [
      [{ macs: ["52:54:00:00:00:02", "52:54:00:00:00:01"] }, "macs[1]"],
      [{ macs: ["52:54:00:00:00:02"], address: "192.168.77.10" }, "address"],
      [{ macs: ["52:54:00:00:00:02"], name: "a" }, "name"],
    ] as const;
    for (const [body, field] of conflicts) {
      const reply = await api("PUT", "/sites/lab/machines/b", body);
      expect(reply).toMatchObject({ status: 409, json: { errors: [{ field }] } });
    }
    expect((await api("PUT", "/sites/lab/machines/b", {})).status).toBe(422);
  });

  test("a list goes on where its page ended", async () => {
    await createSite("lab");
    for (const n of [1, 2, 3]) await done("PUT", `/sites/lab/machines/n${n}`, { macs: [`52540000000${n}`] });
    const first = await done("GET", "/sites/lab/machines?limit=2");
    expect(first.items.map((machine: { name: string }) => machine.name)).toEqual(["n1", "n2"]);
    const second = await done("GET", `/sites/lab/machines?limit=2&after=${first.next}`);
    expect(second).toMatchObject({ items: [{ name: "n3" }], next: null });
  });
});

describe("profiles, templates and images", () => {
  test("the same document is the same revision; a change is a new one, and both are kept", async () => {
    const text = "---\nkind: shell\ndescription: x\n---\necho hello\n";
    const first = await done("PUT", "/templates/t", { text });
    expect(await done("PUT", "/templates/t", { text })).toEqual(first);
    const second = await done("PUT", "/templates/t", { text: `${text}echo more\n` });
    expect(second.revision).not.toBe(first.revision);
    const { items } = await done("GET", "/templates/t/revisions");
    expect(new Set(items.map((item: { revision: string }) => item.revision))).toEqual(
      new Set([first.revision, second.revision]),
    );
    expect(await done("GET", "/templates/t")).toMatchObject({ ...second, text: `${text}echo more\n` });
  });

  test("a template that cannot be parsed is refused with line and column", async () => {
    const text = "---\nkind: shell\ndescription: x\n---\necho {{#open}}\n{{{raw}}}\n";
    const reply = await api("PUT", "/templates/t", { text });
    expect(reply.status).toBe(422);
    expect(reply.json.errors[0].field).toBe("text:5:6");
  });

  test("a profile that names what does not exist is refused, all of it at once", async () => {
    const reply = await api("PUT", "/profiles/p", {
      mode: "install",
      image: "nope",
      kernel: "linux",
      answers: { "a.cfg": { template: "gone" } },
    });
    expect(reply.status).toBe(422);
    expect(reply.json.errors.map((error: { field: string }) => error.field)).toEqual([
      "answers.a.cfg.template",
      "image",
    ]);
  });

  test("an upload in parts is read back, and is of no image until one is put", async () => {
    const parts = [new Uint8Array(5 << 20).fill(1), new Uint8Array(1234).fill(2)];
    const sha256 = await upload("big", "dir/disk.img", parts);
    expect((await api("GET", "/images/big")).status).toBe(404);
    await done("PUT", "/images/big", { files: { "dir/disk.img": { sha256 } } });
    expect(await done("GET", "/images/big")).toMatchObject({
      files: { "dir/disk.img": { sizeBytes: (5 << 20) + 1234, sha256 } },
    });
  });

  test("bytes that are not what was announced never become a file", async () => {
    const { uploadId } = await done("POST", "/images/bad/files/linux?uploads");
    const base = `/images/bad/files/linux?uploadId=${uploadId}`;
    const body = new Uint8Array(10);
    const part = await api("PUT", `${base}&part=1`, body, { "content-length": "10" });
    const sha256 = await sha256Of(new Uint8Array(11));
    const reply = await api("POST", base, { sha256, parts: [part.json] });
    expect(reply).toMatchObject({ status: 422, json: { errors: [{ field: "sha256" }] } });
    expect((await api("PUT", "/images/bad", { files: { linux: { sha256 } } })).status).toBe(422);
  });
});

test("an image URL: ranges, HEAD, and one refusal for every change to it", async () => {
  const relay = await createSite("lab");
  await createProfiles();
  const mac = "52:54:00:00:00:01";
  await done("PUT", `/sites/lab/machines/${mac}`, {});
  await done("POST", `/sites/lab/machines/${mac}/arm`, { profile: "debian-12" });
  const url = /initrd --name initrd0 (\S+)/.exec(await relay.script(mac))![1]!;
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    request(method, path, { token: relay.credential, headers });

  const whole = await get(url);
  expect(whole).toMatchObject({ status: 200, text: "\u0002".repeat(5000) });
  const etag = whole.headers.get("etag")!;
  const head = await get(url, {}, "HEAD");
  expect(head).toMatchObject({ status: 200, text: "" });
  expect(head.headers.get("content-length")).toBe("5000");

  const ranges: [Record<string, string>, number, string | null, number][] = [
    [{ range: "bytes=10-19" }, 206, "bytes 10-19/5000", 10],
    [{ range: "bytes=4990-" }, 206, "bytes 4990-4999/5000", 10],
    [{ range: "bytes=-10" }, 206, "bytes 4990-4999/5000", 10],
    [{ range: "bytes=4990-9999" }, 206, "bytes 4990-4999/5000", 10],
    [{ range: "bytes=5000-" }, 416, "bytes */5000", 0],
    [{ range: "bytes=0-1,3-4" }, 200, null, 5000],
    [{ range: "bytes=10-19", "if-range": etag }, 206, "bytes 10-19/5000", 10],
    [{ range: "bytes=10-19", "if-range": '"other"' }, 200, null, 5000],
  ];
  for (const [headers, status, contentRange, length] of ranges) {
    const reply = await get(url, headers);
    expect(
      [reply.status, reply.headers.get("content-range"), reply.text.length],
      JSON.stringify(headers),
    ).toEqual([status, contentRange, length]);
  }

  for (let i = "/i/".length; i < url.length; i++) {
    const flipped = String.fromCharCode(url.charCodeAt(i) ^ 1);
    const reply = await get(url.slice(0, i) + flipped + url.slice(i + 1));
    expect(reply.text, `byte ${i} → ${flipped}`).not.toContain("\u0002");
    expect(reply.status, `byte ${i} → ${flipped}`).toBe(404);
  }
});
