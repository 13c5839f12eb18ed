import { symlink, writeFile } from "node:fs/promises";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encode } from "../../../core/tftp-packet/index.ts";
import { fetchFile, rrq } from "./client.ts";
import { pattern, startRig } from "./rig.ts";
import { eventually } from "../../support/eventually.ts";

const FILE = pattern(5_000);

describe("T46 no name leads out of the root", () => {
  test.each([
    ["../secret", 2],
    ["..\\secret", 2],
    ["/../secret", 2],
    ["boot/../../secret", 2],
    ["//..//secret", 2],
    ["../root-private/secret", 2],
    ["sibling/secret", 2],
    ["out", 2],
    ["%2e%2e/secret", 1],
    ["..%2fsecret", 1],
    ["\u002e\u002e\uff0fsecret", 1],
    ["/etc/passwd", 1],
    ["boot", 1],
  ])("%s", async (name, code) => {
    const rig = await startRig({ files: { "boot/x": "x" } });
    await writeFile(join(rig.root, "../secret"), "secret");
    await writeFile(join(rig.root, "../root-private"), "secret");
    await symlink("..", join(rig.root, "sibling"));
    await symlink("../secret", join(rig.root, "out"));
    const client = await rig.client();
    client.send(rrq(name), rig.port);
    expect((await client.expect("error")).packet.code).toBe(code);
  });

  test.each(["a.efi", "/a.efi", "//a.efi", "\\a.efi", "boot\\..\\a.efi", "boot/grub//../../a.efi"])(
    "%s is a.efi",
    async (name) => {
      const rig = await startRig({ files: { "a.efi": FILE, "boot/grub/x": "x" } });
      expect(await fetchFile(await rig.client(), rig.port, rrq(name))).toHaveLength(FILE.length);
    },
  );

  test("a link out is told to the operator, with what to do", async () => {
    const rig = await startRig();
    await writeFile(join(rig.root, "../ipxe.efi"), "x");
    await symlink("../ipxe.efi", join(rig.root, "ipxe.efi"));
    const client = await rig.client();
    client.send(rrq("ipxe.efi"), rig.port);
    await client.expect("error");
    expect(rig.events).toMatchObject([{ name: "refused", detail: { reason: "link-outside-root" } }]);
    expect(rig.log[0]).toMatchObject({
      level: "warn",
      message: expect.stringMatching(/is a symbolic link to .*ipxe\.efi, outside of .*: copy the file into/),
    });
  });
});

describe("amplification is bounded", () => {
  test("a forged request costs its victim three small packets at most", async () => {
    const rig = await startRig({ files: { "a.efi": FILE } });
    for (const [request, mostBytes] of [
      [rrq("a.efi"), 3 * 516],
      [rrq("a.efi", { blksize: "65464", windowsize: "65535", timeout: "255", tsize: "0" }), 3 * 80],
    ] as const) {
      const victim = createSocket("udp4");
      let bytes = 0;
      victim.on("message", (datagram) => (bytes += datagram.length));
      victim.send(encode(request), rig.port, "127.0.0.1");
      await eventually(() => expect(bytes).toBeGreaterThan(0));
      await rig.idle();
      await new Promise((resolve) => setTimeout(resolve, 200));
      victim.close();
      expect(bytes).toBeLessThanOrEqual(mostBytes);
    }
  });

  describe("before its client is heard, an address gets no more", () => {
    const limits = { resendIntervalMs: 5_000 };

    test("than three first blocks of a transfer, however often the request is repeated", async () => {
      const rig = await startRig({ files: { "a.efi": FILE }, limits });
      const client = await rig.client();
      for (let sent = 0; sent < 3; sent++) {
        client.send(rrq("a.efi"), rig.port);
        await client.expect("data");
      }
      for (let sent = 0; sent < 40; sent++) client.send(rrq("a.efi"), rig.port);
      await client.silence(100);
      expect(rig.server.stats().active).toBe(1);
    });

    test("than four transfers, from however many ports", async () => {
      const rig = await startRig({ files: { "a.efi": FILE }, limits });
      const clients = await Promise.all(Array.from({ length: 40 }, () => rig.client()));
      for (const client of clients) client.send(rrq("a.efi"), rig.port);
      await eventually(() => expect(rig.server.stats()).toMatchObject({ active: 4, limited: 36 }));
    });

    test("than four transfers, if each replaces the one before it", async () => {
      const rig = await startRig({ files: { "a.efi": FILE, "b.efi": FILE }, limits });
      const client = await rig.client();
      const ask = (turn: number): void => client.send(rrq(turn % 2 === 0 ? "a.efi" : "b.efi"), rig.port);
      for (let turn = 0; turn < 4; turn++) {
        ask(turn);
        await client.expect("data");
      }
      for (let turn = 4; turn < 40; turn++) ask(turn);
      await client.silence(100);
      expect(rig.server.stats()).toMatchObject({ active: 0, limited: 36 });
    });

    test("until it has had its time", async () => {
      const rig = await startRig({ files: { "a.efi": FILE, "b.efi": FILE } });
      const client = await rig.client();
      for (const names of [
        ["a.efi", "b.efi", "a.efi", "b.efi"],
        ["a.efi", "b.efi", "a.efi"],
      ]) {
        for (const name of names) {
          client.send(rrq(name), rig.port);
          await client.expect("data");
        }
        await rig.idle();
      }
      expect(rig.server.stats().limited).toBe(0);
    });
  });

  test("a client that answers has room for more", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, limits: { resendIntervalMs: 2_000 } });
    for (let n = 0; n < 8; n++) {
      const client = await rig.client();
      client.send(rrq("a.efi", { tsize: "0" }), rig.port);
      client.send({ kind: "ack", block: 0 }, (await client.expect("oack")).from.port);
      await client.expect("data");
    }
    expect(rig.server.stats()).toMatchObject({ active: 8, limited: 0 });
  });

  test("who is not served gets no answer at all", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, server: { isServed: () => false } });
    const client = await rig.client();
    for (const request of [rrq("a.efi"), rrq("nope"), { ...rrq("a.efi"), kind: "wrq" as const }]) {
      client.send(request as ReturnType<typeof rrq>, rig.port);
    }
    await client.silence(150);
    expect(rig.server.stats()).toMatchObject({ active: 0, ignored: 3 });
  });
});

describe("transfers are limited", () => {
  test("for one client, and room comes back", async () => {
    const rig = await startRig({
      files: { "a.efi": FILE },
      limits: { maxTransfersPerClient: 2, resendIntervalMs: 100 },
    });
    const clients = await Promise.all([rig.client(), rig.client(), rig.client()]);
    for (const client of clients.slice(0, 2)) {
      client.send(rrq("a.efi", { tsize: "0" }), rig.port);
      await client.expect("oack");
    }
    clients[2].send(rrq("a.efi"), rig.port);
    await clients[2].silence(50);
    expect(rig.server.stats()).toMatchObject({ active: 2, limited: 1 });
    await rig.idle();
    expect(await fetchFile(await rig.client(), rig.port, rrq("a.efi"))).toHaveLength(FILE.length);
  });

  test("in all", async () => {
    const rig = await startRig({ files: { "a.efi": FILE }, limits: { maxTransfers: 1 } });
    const [first, second] = [await rig.client(), await rig.client()];
    first.send(rrq("a.efi", { tsize: "0" }), rig.port);
    await first.expect("oack");
    second.send(rrq("a.efi"), rig.port);
    await second.silence(50);
    expect(rig.log.some(({ message }) => message.includes("too many transfers"))).toBe(true);
  });
});

test("a flood of refused requests is not one of events", async () => {
  const rig = await startRig();
  const client = await rig.client();
  for (let sent = 0; sent < 400; sent++) {
    client.send(rrq(`${sent}`), rig.port);
    await client.expect("error");
  }
  expect(rig.server.stats().refused).toBe(400);
  expect(rig.events).toHaveLength(300);
});

test("control characters of a name do not reach the log", async () => {
  const rig = await startRig();
  const client = await rig.client();
  client.send(rrq("\u001b[2Jx\n"), rig.port);
  await client.expect("error");
  expect(rig.events[0]?.detail["file"]).toBe("\uFFFD[2Jx\uFFFD");
});

test("a replaced file is served anew from memory, not mixed", async () => {
  const rig = await startRig({ files: { "a.efi": "old" } });
  const got = async () => Buffer.from(await fetchFile(await rig.client(), rig.port, rrq("a.efi"))).toString();
  expect(await got()).toBe("old");
  await writeFile(join(rig.root, "a.efi"), "newer");
  expect(await got()).toBe("newer");
});

test("a file that shrinks while it is streamed fails, and says so", async () => {
  const rig = await startRig({
    files: { "a.img": pattern(1_000_000) },
    limits: { maxCachedFileBytes: 0, resendIntervalMs: 500 },
  });
  const client = await rig.client();
  client.send(rrq("a.img", { blksize: "1468" }), rig.port);
  const { from } = await client.expect("oack");
  await writeFile(join(rig.root, "a.img"), "short");
  client.send({ kind: "ack", block: 0 }, from.port);
  let answer = await client.next();
  while (answer.packet.kind === "data") {
    client.send({ kind: "ack", block: answer.packet.block }, from.port);
    answer = await client.next();
  }
  expect(answer.packet).toEqual({ kind: "error", code: 0, message: "the file cannot be read" });
  await rig.idle();
  expect(rig.events).toMatchObject([
    {
      name: "failed",
      detail: { reason: "reading failed: Error: the file became shorter while it was being sent" },
    },
  ]);
});
