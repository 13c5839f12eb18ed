import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fetchFile, rrq } from "./client.ts";
import { pattern, startRig } from "./rig.ts";

const FILE = pattern(5_000);
const wire = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const MAC = "52:54:00:00:00:01";

test("T34 a wrong TID gets ERROR 5 and the transfer goes on from a port of its own", async () => {
  const rig = await startRig({ files: { "a.efi": FILE } });
  const [client, stranger] = [await rig.client(), await rig.client()];
  client.send(rrq("a.efi"), rig.port);
  const first = await client.expect("data");
  expect(first.from.port).not.toBe(rig.port);

  stranger.send({ kind: "ack", block: 1 }, first.from.port);
  expect((await stranger.expect("error")).packet.code).toBe(5);
  stranger.send({ kind: "error", code: 0, message: "an ERROR is not answered" }, first.from.port);
  await stranger.silence(50);

  client.send({ kind: "ack", block: 1 }, first.from.port);
  // The first block may have been re-sent in the meantime.
  let { packet } = await client.expect("data");
  while (packet.block === 1) ({ packet } = await client.expect("data"));
  expect(packet.block).toBe(2);

  client.send(rrq("a.efi", { tsize: "0" }), rig.port);
  let again = await client.next();
  while (again.packet.kind !== "oack") again = await client.next();
  expect(again.from.port).not.toBe(first.from.port);
});

test("T34 a stranger cannot have a transfer answer for ever", async () => {
  const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
  const [client, stranger] = [await rig.client(), await rig.client()];
  client.send(rrq("a.efi"), rig.port);
  const { from } = await client.expect("data");
  for (let sent = 0; sent < 40; sent++) stranger.send({ kind: "ack", block: 1 }, from.port);
  for (let answered = 0; answered < 16; answered++) {
    expect((await stranger.expect("error")).packet.code).toBe(5);
  }
  await stranger.silence(100);
});

test("T35 a duplicate ACK never triggers DATA", async () => {
  const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
  const client = await rig.client();
  client.send(rrq("a.efi"), rig.port);
  const { from } = await client.expect("data");
  for (let copies = 0; copies < 5; copies++) client.send({ kind: "ack", block: 1 }, from.port);
  expect((await client.expect("data")).packet.block).toBe(2);
  await client.silence(150);
});

test("T35 re-sending is bounded, and more so before the first ACK", async () => {
  const rig = await startRig({ files: { "a.efi": FILE } });
  const silent = await rig.client();
  silent.send(rrq("a.efi"), rig.port);
  for (let sends = 0; sends < 3; sends++) expect((await silent.expect("data")).packet.block).toBe(1);
  await rig.idle();
  await silent.silence(200);
  expect(rig.events.at(-1)).toMatchObject({
    name: "failed",
    detail: { file: "a.efi", bytes: 0, reason: "the client fell silent after block 0 of 10" },
  });

  const heard = await rig.client();
  heard.send(rrq("a.efi"), rig.port);
  heard.send({ kind: "ack", block: 1 }, (await heard.expect("data")).from.port);
  for (let sends = 0; sends < 5; sends++) expect((await heard.expect("data")).packet.block).toBe(2);
  await rig.idle();
  await heard.silence(200);
  expect(rig.server.stats()).toMatchObject({ active: 0, failed: 2, resent: 6 });
});

test("T35 a client's timeout holds once it was heard, not before", async () => {
  const rig = await startRig({ files: { "a.efi": FILE } });
  const patient = await rig.client();
  patient.send(rrq("a.efi", { timeout: "255" }), rig.port);
  for (let sends = 0; sends < 3; sends++) await patient.expect("oack");

  const client = await rig.client();
  client.send(rrq("a.efi", { timeout: "1" }), rig.port);
  expect((await client.expect("oack")).packet.options).toEqual([{ name: "timeout", value: "1" }]);
  const { from } = await client.expect("oack");
  client.send({ kind: "ack", block: 0 }, from.port);
  await client.expect("data");
  await client.silence(700);
  expect((await client.expect("data")).packet.block).toBe(1);
});

test("T36 100 MB at 512 bytes arrives exact, over the rollover of 65535 to 0", async () => {
  const big = pattern(100 * 1024 * 1024);
  const rig = await startRig({ files: { "big.img": big }, limits: { resendIntervalMs: 1_000 } });
  const client = await rig.client();
  const got = await fetchFile(client, rig.port, rrq("big.img", { windowsize: "64" }));
  expect(Buffer.compare(got, big)).toBe(0);
  await rig.idle();
  expect(rig.events).toMatchObject([
    {
      mac: MAC,
      stage: "tftp",
      name: "sent",
      detail: { file: "big.img", bytes: big.length, blocks: 204_801 },
    },
  ]);
}, 120_000);

describe("T37 a multiple of blksize ends in an empty block", () => {
  test.each([0, 511, 512, 513, 1024])("%d bytes", async (length) => {
    const rig = await startRig({ files: { f: pattern(length) } });
    const client = await rig.client();
    expect(Buffer.compare(await fetchFile(client, rig.port, rrq("f")), pattern(length))).toBe(0);
    await rig.idle();
    expect(rig.events[0]?.detail).toMatchObject({ bytes: length, blocks: Math.floor(length / 512) + 1 });
  });
});

test("T38 a lost OACK is re-sent; DATA starts after ACK 0", async () => {
  const rig = await startRig({ files: { "a.efi": FILE } });
  const client = await rig.client();
  client.send(rrq("a.efi", { blksize: "1468", multicast: "" }), rig.port);
  const [first, second] = [await client.expect("oack"), await client.expect("oack")];
  expect(second).toEqual(first);
  expect(first.packet.options).toEqual([{ name: "blksize", value: "1468" }]);
  client.send({ kind: "ack", block: 0 }, first.from.port);
  const { packet } = await client.expect("data");
  expect([packet.block, packet.data.length]).toEqual([1, 1468]);
});

test("T39 no option accepted: DATA 1 at once; names in any case", async () => {
  const rig = await startRig({ files: { "a.efi": FILE } });
  const client = await rig.client();
  client.send(rrq("a.efi", { unknown: "1", blksize: "7" }), rig.port);
  expect((await client.expect("data")).packet.data).toHaveLength(512);
  client.send(rrq("a.efi", { BLKSIZE: "1024" }), rig.port);
  let answer = await client.next();
  while (answer.packet.kind === "data") answer = await client.next();
  expect(answer.packet).toEqual({ kind: "oack", options: [{ name: "BLKSIZE", value: "1024" }] });
});

describe("T40 block sizes that firmware asks for", () => {
  test.each([8, 512, 1428, 1432, 1456, 1468])("%d arrives exact", async (blksize) => {
    const rig = await startRig({ files: { "a.efi": FILE } });
    const got = await fetchFile(await rig.client(), rig.port, rrq("a.efi", { blksize: String(blksize) }));
    expect(Buffer.compare(got, FILE)).toBe(0);
  });

  test("the MTU less 32 is the most", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, server: { mtuBytes: 1400 } });
    const client = await rig.client();
    client.send(rrq("a.efi", { blksize: "65464" }), rig.port);
    expect((await client.expect("oack")).packet.options).toEqual([{ name: "blksize", value: "1368" }]);
  });
});

test("T41 tsize is the true size, above 4 GiB too", async () => {
  const rig = await startRig();
  await writeFile(join(rig.root, "huge.img"), "");
  await truncate(join(rig.root, "huge.img"), 5 * 1024 ** 3 + 7);
  const client = await rig.client();
  client.send(rrq("huge.img", { tsize: "0" }), rig.port);
  expect((await client.expect("oack")).packet.options).toEqual([{ name: "tsize", value: "5368709127" }]);
});

test("T42 a window is at most what was asked; an ACK in its middle resumes after it", async () => {
  const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
  const client = await rig.client();
  client.send(rrq("a.efi", { windowsize: "4" }), rig.port);
  const { from } = await client.expect("oack");
  const window = async (count: number) => {
    const blocks: number[] = [];
    while (blocks.length < count) blocks.push((await client.expect("data")).packet.block);
    await client.silence(40);
    return blocks;
  };
  client.send({ kind: "ack", block: 0 }, from.port);
  expect(await window(4)).toEqual([1, 2, 3, 4]);
  client.send({ kind: "ack", block: 2 }, from.port);
  expect(await window(4)).toEqual([3, 4, 5, 6]);
  client.send({ kind: "ack", block: 6 }, from.port);
  expect(await window(4)).toEqual([7, 8, 9, 10]);
  client.send({ kind: "ack", block: 10 }, from.port);
  await rig.idle();
  expect(rig.events).toMatchObject([{ name: "sent", detail: { resent: 2, blocks: 10 } }]);
});

describe("T43 a size probe frees its state and is logged at info, not as a failure", () => {
  test.each([
    ["ERROR 8 (EDK2)", { kind: "error", code: 8, message: "User aborted download" } as const],
    ["ERROR 0", { kind: "error", code: 0, message: "" } as const],
    ["silence", undefined],
  ])("%s, then the transfer itself", async (_name, farewell) => {
    const rig = await startRig({ files: { "a.efi": FILE } });
    const client = await rig.client();
    client.send(rrq("a.efi", { tsize: "0", blksize: "1468" }), rig.port);
    const { from } = await client.expect("oack");
    if (farewell !== undefined) client.send(farewell, from.port);
    await rig.idle();
    expect(rig.server.stats()).toMatchObject({ active: 0, probed: 1, failed: 0 });
    expect(rig.events).toEqual([{ mac: MAC, stage: "tftp", name: "probed", detail: { file: "a.efi" } }]);
    expect(rig.log).toMatchObject([{ level: "info", message: "tftp: probed" }]);
    const again = await rig.client();
    expect(await fetchFile(again, rig.port, rrq("a.efi", { blksize: "1468" }))).toHaveLength(FILE.length);
  });

  test("an ERROR in the middle of the file is a failure, with the client's words", async () => {
    const rig = await startRig({ files: { "a.efi": FILE } });
    const client = await rig.client();
    client.send(rrq("a.efi", { tsize: "0" }), rig.port);
    const { from } = await client.expect("oack");
    client.send({ kind: "ack", block: 0 }, from.port);
    await client.expect("data");
    client.send({ kind: "error", code: 3, message: "out of memory" }, from.port);
    await rig.idle();
    expect(rig.events).toMatchObject([
      {
        name: "failed",
        detail: {
          reason: "the client sent ERROR 3: out of memory",
          ...{ bytes: 0, blocks: 0, resent: 0, blockSizeBytes: 512, windowSize: 1 },
          durationMs: expect.any(Number),
        },
      },
    ]);
  });
});

describe("T44 what is refused, and with which code", () => {
  test.each([
    ["a write", { ...rrq("a.efi"), kind: "wrq" } as ReturnType<typeof rrq>, 2, "write-request"],
    ["a missing file", rrq("nope"), 1, "missing"],
    ["traversal", rrq("../secret"), 2, "outside-root"],
    ["mode mail", rrq("a.efi", {}, "mail"), 4, "bad-mode"],
    ["a NUL in the name, which ends it", wire("\0\u0001a.efi\0.txt\0octet\0"), 4, "malformed"],
    ["a NUL in the name, options thereafter", wire("\0\u0001a.efi\0.txt\0octet\0x\0"), 4, "bad-mode"],
    ["a request that is cut", wire("\0\u0001a.efi\0oct"), 4, "malformed"],
    ["the folder itself", rrq("."), 2, "bad-name"],
    ["an empty name", rrq(""), 2, "bad-name"],
  ])("%s", async (_name, request, code, reason) => {
    const rig = await startRig({ files: { "a.efi": FILE } });
    const client = await rig.client();
    client.send(request, rig.port);
    const { packet } = await client.expect("error");
    expect(packet.code).toBe(code);
    expect(packet.message).not.toContain(rig.root);
    await rig.idle();
    expect(rig.events).toMatchObject([{ name: "refused", mac: MAC, detail: { code, reason } }]);
    await client.silence(100);
  });

  test("netascii converts", async () => {
    const rig = await startRig({ files: { "menu.cfg": "a\nb\rc\n".repeat(200) } });
    const client = await rig.client();
    const got = await fetchFile(client, rig.port, rrq("menu.cfg", { tsize: "0" }, "NetASCII"));
    expect(Buffer.from(got).toString()).toBe("a\r\nb\r\0c\r\n".repeat(200));
  });

  test("netascii of a file too large for memory says so", async () => {
    const rig = await startRig({ files: { big: pattern(2_000) }, limits: { maxCachedFileBytes: 1_000 } });
    const client = await rig.client();
    client.send(rrq("big", {}, "netascii"), rig.port);
    expect((await client.expect("error")).packet).toMatchObject({ code: 0 });
  });
});

describe("T45 a repeated RRQ from one port is one session", () => {
  test("the first packet comes again, from the same TID, and one transfer runs", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
    const client = await rig.client();
    const request = rrq("a.efi", { tsize: "0" });
    client.send(request, rig.port);
    const first = await client.expect("oack");
    client.send(request, rig.port);
    const second = await client.expect("oack");
    expect(second.from.port).toBe(first.from.port);
    expect(rig.server.stats().active).toBe(1);
    client.send({ kind: "ack", block: 0 }, first.from.port);
    await client.expect("data");
    client.send(request, rig.port);
    await client.silence(100);
    expect(rig.server.stats().active).toBe(1);
  });

  test("a burst of ten, sent before the first answer, is one session too", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
    const client = await rig.client();
    for (let copies = 0; copies < 10; copies++) client.send(rrq("a.efi", { tsize: "0" }), rig.port);
    const ports = new Set<number>([(await client.expect("oack")).from.port]);
    client.send({ kind: "ack", block: 0 }, [...ports][0]!);
    for (;;) {
      const { packet, from } = await client.next();
      ports.add(from.port);
      if (packet.kind === "data") break;
    }
    expect(ports.size).toBe(1);
    expect(rig.server.stats().active).toBe(1);
  });

  test("another request from the same port replaces it", async () => {
    const rig = await startRig({ files: { "a.efi": FILE, "b.efi": pattern(100) } });
    const client = await rig.client();
    client.send(rrq("a.efi", { tsize: "0" }), rig.port);
    await client.expect("oack");
    expect(await fetchFile(client, rig.port, rrq("b.efi"))).toHaveLength(100);
    await rig.idle();
    expect(rig.events.map(({ name }) => name)).toEqual(["probed", "sent"]);
  });

  test("a client that restarted and asks the same from the same port is served anew", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, limits: { maxResends: 50 } });
    const client = await rig.client();
    client.send(rrq("a.efi"), rig.port);
    const { from } = await client.expect("data");
    client.send({ kind: "ack", block: 1 }, from.port);
    for (const block of [2, 2]) expect((await client.expect("data")).packet.block).toBe(block);
    client.send(rrq("a.efi"), rig.port);
    let fresh = await client.expect("data");
    while (fresh.from.port === from.port) fresh = await client.expect("data");
    expect(fresh.packet.block).toBe(1);
  });
});

test("T47 replies leave from the address that was asked", async () => {
  const rig = await startRig({ files: { "a.efi": FILE }, server: { address: "127.0.0.2" } });
  const client = await rig.client();
  client.send(rrq("a.efi", { tsize: "0" }), rig.port);
  const { from } = await client.expect("oack");
  expect(from.address).toBe("127.0.0.2");
  client.send({ kind: "ack", block: 0 }, from.port);
  expect((await client.expect("data")).from.address).toBe("127.0.0.2");
  client.send(rrq("nope"), rig.port);
  let answer = await client.next();
  while (answer.packet.kind === "data") answer = await client.next();
  expect([answer.packet.kind, answer.from.address]).toEqual(["error", "127.0.0.2"]);
});

test("a lossy link delivers every byte, streamed from disk, whatever the window", async () => {
  const file = pattern(300_001);
  const rig = await startRig({
    files: { "a.img": file },
    limits: { maxCachedFileBytes: 0, resendIntervalMs: 20, maxResendIntervalMs: 40, maxResends: 50 },
  });
  for (const windowsize of ["1", "4", "16"]) {
    let seed = 1350;
    const drop = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31 < 0.02;
    const request = rrq("a.img", { windowsize, blksize: "1468" });
    const got = await fetchFile(await rig.client(), rig.port, request, drop);
    expect(Buffer.compare(got, file)).toBe(0);
  }
  await rig.idle();
  expect(rig.server.stats()).toMatchObject({ sent: 3, bytes: 900_003 });
  expect(rig.server.stats().resent).toBeGreaterThan(0);
});
