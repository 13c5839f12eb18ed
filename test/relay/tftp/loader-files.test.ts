import { Readable } from "node:stream";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";

import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import { RELAY_HEADER } from "../../../core/relay-protocol/headers.ts";
import type { HandleRequest } from "../../../relay/http/handle-request.ts";
import { createInProcessClient } from "../../../relay/http/in-process-client.ts";
import { createLoaderStore } from "../../../relay/tftp/loader-store.ts";
import { printableName } from "../../../relay/tftp/printable-name.ts";
import { responseContent } from "../../../relay/tftp/response-content.ts";
import { CLIENT_MAC, deadOrigin, startFakeControlPlane, startRelayHttp } from "../http/fixture.ts";
import { fetchFile, rrq } from "./client.ts";
import { pattern, startRig, type Rig } from "./rig.ts";
import { eventually } from "../../support/eventually.ts";

const GRANT = "t/t85s00.k1.xzAB-cdEfGhIjKlMnOpQrw/debian-12/9f86d081884c7d659a2feaa0c55ad015";

type Asked = { target: string; mac: string | undefined; baseUrl: string | undefined };

/** TFTP on loopback over a relay's HTTP side; 127.0.0.1 was observed, unless `observed` is false. */
async function startRelay(
  handle: ((request: IncomingMessage, response: ServerResponse) => void) | "dead",
  options: { observed?: boolean; files?: Record<string, string>; bootWaitSeconds?: number | null } = {},
): Promise<{ rig: Rig; asked: Asked[]; httpEvents: BootEventInput[] }> {
  const asked: Asked[] = [];
  const url =
    handle === "dead"
      ? await deadOrigin()
      : await startFakeControlPlane((request, response) => {
          const header = (name: string): string | undefined => request.headers[name]?.toString();
          asked.push({
            target: request.url!,
            mac: header(RELAY_HEADER.CLIENT_MAC),
            baseUrl: header(RELAY_HEADER.BASE_URL),
          });
          handle(request, response);
        });
  const relay = await startRelayHttp(url, {
    leased: options.observed !== false,
    ...(handle === "dead" && { decisionMs: 1_000 }),
    ...(options.bootWaitSeconds !== undefined && { bootWaitSeconds: options.bootWaitSeconds }),
  });
  const macOf = (): string | null => (options.observed === false ? null : CLIENT_MAC);
  const listener = { interface: "lo", address: "127.0.0.1", port: relay.port };
  const rig = await startRig({
    ...(options.files !== undefined && { files: options.files }),
    server: {
      virtualFiles: createLoaderStore({ http: createInProcessClient(relay.handleForTftp, listener), macOf }),
    },
    // Not impatient: a look-up must not be taken for a client's silence.
    limits: { resendIntervalMs: 1_000 },
  });
  return { rig, asked, httpEvents: relay.events };
}

async function fetchText(rig: Rig, name: string): Promise<string> {
  return Buffer.from(await fetchFile(await rig.client(), rig.port, rrq(name))).toString();
}

async function errorOf(rig: Rig, name: string): Promise<{ code: number; message: string }> {
  const client = await rig.client();
  client.send(rrq(name), rig.port);
  const { packet } = await client.expect("error");
  return { code: packet.code, message: packet.message };
}

const answers =
  (text: string | Uint8Array) =>
  (_: IncomingMessage, response: ServerResponse): void =>
    void response.end(text);

describe("PXELINUX", () => {
  test("its whole search order is the observed machine's own script, whoever a name speaks of", async () => {
    const { rig, asked } = await startRelay(answers("DEFAULT local\n"));
    const names = [
      "pxelinux.cfg/ddccbbaa-1100-3322-4455-66778899aabb",
      "pxelinux.cfg/01-52-54-00-99-99-99",
      "pxelinux.cfg/C0A84D62",
      "/pxelinux.cfg/C0A8",
      "boot\\pxelinux.cfg\\default",
    ];
    for (const name of names) expect(await fetchText(rig, name)).toBe("DEFAULT local\n");
    const path = `/boot/${CLIENT_MAC.replaceAll(":", "-")}/pxelinux.cfg`;
    const baseUrl = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(asked).toEqual(names.map(() => ({ target: path, mac: CLIENT_MAC, baseUrl })));
  });

  test("asks again with what a script told it to say", async () => {
    const { rig, asked } = await startRelay(answers("DEFAULT local\n"));
    await fetchText(rig, "boot/52-54-00-00-00-01/pxelinux.cfg?item=a&menu=b");
    expect(asked[0]!.target).toBe("/boot/52-54-00-00-00-01/pxelinux.cfg?item=a&menu=b");
  });

  test("T44 netascii converts what is made here, too", async () => {
    const { rig } = await startRelay(answers("DEFAULT local\n"));
    const got = await fetchFile(await rig.client(), rig.port, rrq("pxelinux.cfg/default", {}, "netascii"));
    expect(Buffer.from(got).toString()).toBe("DEFAULT local\r\n");
  });

  test("a file of that name in the folder is not served; one beside it is", async () => {
    const files = { "pxelinux.cfg/default": "UI menu.c32", "pxelinux.cfg/extra.cfg": "extra" };
    const { rig } = await startRelay(answers("DEFAULT local\n"), { files });
    expect(await fetchText(rig, "pxelinux.cfg/default")).toBe("DEFAULT local\n");
    expect(await fetchText(rig, "pxelinux.cfg/extra.cfg")).toBe("extra");
  });
});

describe("GRUB and iPXE", () => {
  test("get stage one, with the WAN dead, under every prefix", async () => {
    const files = { "debian-installer/amd64/grub/grub.cfg": "menuentry Install" };
    const { rig } = await startRelay("dead", { files });
    for (const name of [
      "boot/grub/grub.cfg",
      "debian-installer/amd64/grub/grub.cfg",
      "EFI/x y/grub.cfg-C0A84D62",
    ]) {
      const text = await fetchText(rig, name);
      expect(text).toContain("source '(tftp,127.0.0.1)/boot/52-54-00-00-00-01/grub.cfg'");
      expect(text).not.toContain("menuentry");
    }
  });

  test("waits as long as the site says", async () => {
    const { rig } = await startRelay("dead", { bootWaitSeconds: 0 });
    expect(await fetchText(rig, "grub/grub.cfg")).toContain("for pxedge_pause in 0; do");
  });

  test("GRUB's script is the observed machine's", async () => {
    const { rig, asked } = await startRelay(answers("exit 1\n"));
    expect(await fetchText(rig, "boot/52-54-00-00-00-01/grub.cfg?waited=5")).toBe("exit 1\n");
    expect(asked[0]).toMatchObject({ mac: CLIENT_MAC });
  });

  test("autoexec.ipxe names HTTP, as its own address is TFTP's", async () => {
    const { rig } = await startRelay("dead");
    const text = await fetchText(rig, "autoexec.ipxe");
    expect(text).toMatch(/^#!ipxe\n/);
    expect(text).toMatch(/chain .* http:\/\/127\.0\.0\.1:\d+\/boot\/\$\{netX\/mac:hexhyp\}\/script\.ipxe\?/);
  });

  test("GRUB's commit is a fetch of the answer of that name, and no other answer is", async () => {
    const { rig, asked } = await startRelay(answers("committed\n"));
    expect(await fetchText(rig, "a/0123456789abcdef/commit")).toBe("committed\n");
    expect(asked[0]!.target).toBe("/a/0123456789abcdef/commit");
    expect(await errorOf(rig, "a/0123456789abcdef/preseed.cfg")).toMatchObject({ code: 1 });
    expect(asked).toHaveLength(1);
  });
});

describe("with the WAN dead, a machine asks again, and boots its disk once it has waited long enough", () => {
  test.each([
    ["pxelinux.cfg/default", /^ONTIMEOUT again\nLABEL again\n {2}CONFIG ::(\S+)$/m],
    ["boot/52-54-00-00-00-01/grub.cfg", /^set pxedge_again=\d+\nset pxedge_query='(\?waited=\d+)'$/m],
  ])("%s", async (name, again) => {
    const { rig } = await startRelay("dead", { bootWaitSeconds: 60 });
    const asks = again.exec(await fetchText(rig, name))?.[1] ?? "";
    expect(asks).toMatch(/\?waited=[1-9]\d*$/);
    const late = asks.replace(/waited=\d+$/, "waited=61");
    const own = late.startsWith("?") ? `boot/52-54-00-00-00-01/grub.cfg${late}` : late;
    expect(await fetchText(rig, own)).toContain("pxedge: booting the local disk");
  });
});

describe("image files by signed path", () => {
  const image = pattern(5_000_003);
  const listener = { interface: "lan0", address: "192.168.77.1", port: 8080 };

  /** TFTP over a stand-in for the relay's HTTP side, which serves images from its cache. */
  async function startOver(handle: HandleRequest): Promise<Rig> {
    const http = createInProcessClient(handle, listener);
    return await startRig({
      server: { virtualFiles: createLoaderStore({ http, macOf: () => CLIENT_MAC }) },
      limits: { resendIntervalMs: 1_000 },
    });
  }

  test("T41 are streamed, with their true size, from what HTTP answers the same client", async () => {
    const asked: unknown[] = [];
    const rig = await startOver((request, response, interfaceName) => {
      const { remoteAddress, localAddress, localPort } = request.socket;
      asked.push([request.method, request.url, remoteAddress, localAddress, localPort, interfaceName]);
      response.setHeader("content-length", image.length);
      Readable.from([image.subarray(0, 1), image.subarray(1, 3_000_000), image.subarray(3_000_000)]).pipe(
        response,
      );
    });
    const client = await rig.client();
    const request = rrq(`${GRANT}/initrd.gz`, { tsize: "0", blksize: "1468", windowsize: "16" });
    const got = await fetchFile(client, rig.port, request);
    expect(Buffer.compare(got, image)).toBe(0);
    expect(asked).toEqual([["GET", `/${GRANT}/initrd.gz`, "127.0.0.1", "192.168.77.1", 8080, "lan0"]]);
    client.send(rrq(`${GRANT}/initrd.gz`, { tsize: "0" }), rig.port);
    const { packet, from } = await client.expect("oack");
    expect(packet.options).toContainEqual({ name: "tsize", value: String(image.length) });
    client.send({ kind: "error", code: 8, message: "size only" }, from.port);
    await rig.idle();
  });

  test("a cut in the middle is an error at once, not a shorter file", async () => {
    const rig = await startOver((_, response) => {
      response.setHeader("content-length", image.length);
      response.write(image.subarray(0, 2_000_000));
      setTimeout(() => response.destroy(), 50);
    });
    const fetching = fetchFile(await rig.client(), rig.port, rrq(`${GRANT}/initrd.gz`, { blksize: "1468" }));
    await expect(fetching).rejects.toThrow("the file cannot be read");
    await rig.idle();
    expect(rig.events.at(-1)).toMatchObject({
      name: "failed",
      detail: { file: expect.stringContaining("t/…/") },
    });
  });

  test("a client that leaves ends the download", async () => {
    let isCut = false;
    const rig = await startOver((_, response) => {
      response.setHeader("content-length", 1 << 30);
      response.on("close", () => (isCut = true));
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(65_536);
        })(),
      )
        .on("error", () => undefined)
        .pipe(response);
    });
    const client = await rig.client();
    client.send(rrq(`${GRANT}/initrd.gz`), rig.port);
    const { from } = await client.expect("data");
    client.send({ kind: "error", code: 0, message: "enough" }, from.port);
    await rig.idle();
    await eventually(() => expect(isCut).toBe(true));
  });

  test.each([
    [404, 1, "missing"],
    [502, 0, "unavailable"],
    [503, 0, "unavailable"],
  ])("HTTP's %d is ERROR %d", async (status, code, reason) => {
    const rig = await startOver((_, response) => void response.writeHead(status).end("no\n"));
    expect(await errorOf(rig, `${GRANT}/linux`)).toMatchObject({ code });
    expect(rig.events.at(-1)).toMatchObject({ name: "refused", detail: { reason } });
  });

  test("an HTTP side that breaks is an error", async () => {
    const rig = await startOver((_, response) => void response.destroy());
    expect(await errorOf(rig, `${GRANT}/linux`)).toMatchObject({ code: 0 });
  });

  test("one that the relay's cache does not know is not there", async () => {
    const { rig } = await startRelay("dead");
    expect(await errorOf(rig, `${GRANT}/linux`)).toEqual({ code: 1, message: "no such file" });
  });
});

describe("one request is one event", () => {
  const stages = (events: BootEventInput[]): string[] => events.map(({ stage, name }) => `${stage} ${name}`);

  test("of TFTP, where it was served", async () => {
    const { rig, httpEvents } = await startRelay(answers("DEFAULT local\n"));
    await fetchText(rig, "pxelinux.cfg/default");
    await fetchText(rig, "autoexec.ipxe");
    await errorOf(rig, `${GRANT}/linux`);
    await rig.idle();
    expect(stages(rig.events)).toEqual(["tftp sent", "tftp sent", "tftp refused"]);
    expect(httpEvents).toEqual([]);
  });

  test("and one that says why, where it could not be", async () => {
    const { rig, httpEvents } = await startRelay("dead");
    expect(await errorOf(rig, "a/0123456789abcdef/commit")).toMatchObject({ code: 0 });
    await rig.idle();
    expect(stages(rig.events)).toEqual(["tftp refused"]);
    expect(httpEvents).toMatchObject([
      { stage: "http", name: "failed", detail: { reason: expect.any(String) } },
    ]);
  });
});

test("nothing of it is there for a machine that was not observed, and nobody is asked", async () => {
  const files = { "pxelinux.cfg/default": "UI menu.c32", "snponly.efi": "efi" };
  const { rig, asked } = await startRelay(answers("DEFAULT local\n"), { observed: false, files });
  for (const name of [
    "pxelinux.cfg/default",
    "grub/grub.cfg",
    "autoexec.ipxe",
    "boot/52-54-00-00-00-01/grub.cfg",
    `${GRANT}/linux`,
    "a/0123456789abcdef/commit",
  ]) {
    expect(await errorOf(rig, name)).toEqual({ code: 1, message: "no such file" });
    expect(rig.events.at(-1)).toMatchObject({ detail: { reason: "not-observed" } });
  }
  expect(asked).toEqual([]);
  expect(await fetchText(rig, "snponly.efi")).toBe("efi");
});

test.each([
  "relay/v1/state",
  "t/../relay/v1/state",
  "boot/x/answer/preseed.cfg",
  "e/cap/installed",
  "i/a/b/c",
  "boot.ipxe",
  "t/a b/c/d/e",
  "t/é/c/d/e",
])("%s is none of it", async (name) => {
  const { rig, asked } = await startRelay(answers("secret"));
  expect(await errorOf(rig, name)).toMatchObject({ code: 1 });
  expect(asked).toEqual([]);
});

test.each([
  ["t/t85s00.k1.xzAB/debian-12/9f/linux", "t/…/debian-12/9f/linux"],
  ["/a/0123456789abcdef/commit", "/a/…/commit"],
  ["\\t\\grant", "/t/…"],
  ["./t/grant/x", "./t/…/x"],
  ["debian-installer/amd64/bootnetx64.efi", "debian-installer/amd64/bootnetx64.efi"],
  ["t", "t"],
  ["a\u0000b", "a\uFFFDb"],
])("%j stands in a log as %j", (name, shown) => {
  expect(printableName(name)).toBe(shown);
});

describe("streamed content", () => {
  test("holds the window and some of what follows, not the file", async () => {
    let given = 0;
    const body = Readable.from(
      (function* () {
        for (; given < 100; given++) yield Buffer.alloc(65_536, given);
      })(),
    );
    onTestFinished(() => void body.destroy());
    const content = responseContent(body, 100 * 65_536);
    const target = new Uint8Array(65_536);
    for (let block = 0; block < 50; block++) {
      await content.load(block * 65_536, (block + 1) * 65_536);
      content.copy(block * 65_536, (block + 1) * 65_536, target, 0);
      expect(target.every((byte) => byte === block)).toBe(true);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toBeLessThan(75);
    await content.close();
  });

  test("a source that ends early fails who waits for it, each time", async () => {
    const content = responseContent(Readable.from([Buffer.alloc(10)]), 100);
    await content.load(0, 10);
    await expect(content.load(0, 20)).rejects.toThrow("it ended after 10 of 100 bytes");
    await expect(content.load(0, 20)).rejects.toThrow("it ended after 10 of 100 bytes");
  });
});
