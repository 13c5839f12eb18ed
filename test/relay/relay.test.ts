import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pino from "pino";
import { describe, expect, onTestFinished, test } from "vitest";

import { encode } from "../../core/dhcp-packet/index.ts";
import { createBootFileAvailability } from "../../relay/boot-file-availability.ts";
import { openFileRoot } from "../../relay/boot-files/file-root.ts";
import type { RelayConfig } from "../../relay/config/model.ts";
import { startRelay } from "../../relay/relay.ts";
import { renew } from "./dhcp/support/client-packets.ts";
import { ask } from "./http/fixture.ts";
import { startFakeControlPlane } from "./control-plane/fixture.ts";
import { machine, SITE, state } from "./control-plane/site-state.ts";
import { configure, start, startFakeSite, urlOf } from "./relay-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/lab/free-port.ts";

describe("a relay", () => {
  test("serves, reports what it served, and stops so that it can start again", async () => {
    const plane = await startFakeSite();
    const config = await configure(plane.url);
    for (let run = 0; run < 2; run++) {
      const relay = await startRelay({ config, log: pino({ level: "silent" }) });
      expect((await ask(`${urlOf(relay)}/boot/52-54-00-00-00-01/script.ipxe`)).status).toBe(200);
      expect((await ask(`${urlOf(relay)}/f/snponly.efi`)).body).toBe("a boot file");
      await relay.stop();
      await expect(ask(`${urlOf(relay)}/boot.ipxe`)).rejects.toThrow("ECONNREFUSED");
    }
    // What the first run could not deliver any more, the second has.
    const relay = await start(config);
    await eventually(() => {
      const posts = plane.requests.filter(({ url }) => url === "/relay/v1/events");
      expect(posts.map(({ body }) => body).join("")).toContain("/boot/52-54-00-00-00-01/script.ipxe");
    });
    await relay.stop();
  });

  test("restarts with the WAN dead, with what it knew of the site", async () => {
    const plane = await startFakeSite({ bootWaitSeconds: null });
    const config = await configure(plane.url);
    await (await start(config)).stop();
    plane.stop();
    const relay = await start(config);
    const script = await ask(`${urlOf(relay)}/boot.ipxe`);
    expect(script.status).toBe(200);
    // Diskless: it waits for ever.
    expect(script.body).toContain("goto again");
    const own = await ask(`${urlOf(relay)}/boot/52-54-00-00-00-01/script.ipxe`);
    expect(own).toMatchObject({ status: 200, body: expect.stringContaining("cannot be reached") });
  });

  test("starts with the WAN dead from the first day on", async () => {
    const plane = await startFakeSite();
    plane.stop();
    const relay = await start(await configure(plane.url));
    expect((await ask(`${urlOf(relay)}/boot.ipxe`)).status).toBe(200);
  });
});

test("a relay without its folder of boot files serves everything else", async () => {
  const config = await configure((await startFakeSite()).url);
  const relay = await start({ ...config, tftp: { ...config.tftp, root: "/nowhere" } });
  expect((await ask(`${urlOf(relay)}/boot.ipxe`)).status).toBe(200);
});

describe("what keeps a relay from starting is one sentence", () => {
  test("no credentials", async () => {
    const config = await configure("http://127.0.0.1:1", false);
    await expect(start(config)).rejects.toMatchObject({
      code: "not-joined",
      message: expect.stringContaining(
        `pxedge relay join --url http://127.0.0.1:1 --token TOKEN --state-dir ${config.stateDir}`,
      ),
    });
  });

  test.each(["leases.db", "journal.db", "last-good.db"])(
    "%s of a newer release: it is left as it is, and said what to do",
    async (name) => {
      const config = await configure((await startFakeSite()).url);
      await (await start(config)).stop();
      const file = join(config.stateDir, name);
      const newer = new DatabaseSync(file);
      newer.exec("PRAGMA user_version = 99");
      newer.close();
      const message = new RegExp(`${name}.*a newer release wrote it, in format 99.*run that release again`);
      await expect(start(config)).rejects.toThrow(message);
      const after = new DatabaseSync(file);
      expect(after.prepare("PRAGMA user_version").get()).toEqual({ user_version: 99 });
      after.close();
    },
  );

  test("refused credentials", async () => {
    const plane = await startFakeControlPlane(() => ({ status: 401 }));
    await expect(start(await configure(plane.url))).rejects.toMatchObject({
      code: "credentials-refused",
      message: expect.stringContaining("pxedge relay join"),
    });
  });

  test("an interface that is not there", async () => {
    const config = await configure((await startFakeSite()).url);
    const interfaces = [{ ...config.interfaces[0]!, name: "nowhere0" }];
    await expect(start({ ...config, interfaces })).rejects.toMatchObject({
      code: "no-such-interface",
      message: expect.stringMatching(/nowhere0.*\blo\b/),
    });
  });

  test("another relay with the same state folder", async () => {
    const config = await configure((await startFakeSite()).url);
    await start(config);
    await expect(start(config)).rejects.toMatchObject({
      code: "state-dir-in-use",
      message: expect.stringContaining(config.stateDir),
    });
  });

  test("a port that is taken; and nothing is left running", async () => {
    const config = await configure((await startFakeSite()).url);
    const holder = createServer().listen(config.http.port, "127.0.0.1");
    await once(holder, "listening");
    await expect(start(config)).rejects.toMatchObject({
      code: "port-in-use",
      message: expect.stringContaining(String(config.http.port)),
    });
    holder.close();
    await once(holder, "close");
    await start(config);
  });

  test("a range outside the interface's network; HTTP and TFTP are not left running", async () => {
    const config = await configure((await startFakeSite()).url);
    const dhcp = { ...config.interfaces[0]!.dhcp, ranges: [["192.168.1.1", "192.168.1.9"]] };
    const broken = { ...config, interfaces: [{ name: "lo", dhcp }] } as RelayConfig;
    await expect(start(broken)).rejects.toMatchObject({ code: "range-outside-subnet" });
    await start(config);
  });
});

test.each(["port", "bootPort"] as const)(
  "as a proxy it tells a client's MAC by what the client said on its %s",
  async (name) => {
    const plane = await startFakeSite();
    const config = await configure(plane.url);
    const [port, bootPort, clientPort] = [await freePort(), await freePort(), await freePort()];
    const listener = { answer: "any", vendorClasses: [], port, bootPort, clientPort } as const;
    const relay = await start({
      ...config,
      interfaces: [{ name: "lo", dhcp: { mode: "proxy", ...listener } }],
    });
    const client = createSocket("udp4");
    onTestFinished(() => void client.close());
    client.send(encode(renew("127.0.0.1")), listener[name], "127.0.0.1");
    const observed = async () => {
      await ask(`${urlOf(relay)}/boot/52-54-00-00-00-01/script.ipxe`);
      const { headers } = plane.requests.findLast(({ url }) => url.startsWith("/boot/"))!;
      return [headers["pxedge-client-mac"], headers["pxedge-client-mac-source"]];
    };
    await expect.poll(observed).toEqual(["52:54:00:00:00:01", "dhcp"]);
  },
);

test("a reservation in none of the relay's networks is warned of", async () => {
  const plane = await startFakeControlPlane(() => ({
    body: state({ machines: [machine("m1", { address: "192.168.1.9" })] }),
  }));
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => void lines.push(line) });
  const relay = await startRelay({ config: await configure(plane.url), log });
  onTestFinished(() => relay.stop());
  expect(JSON.parse(lines[0]!)).toMatchObject({
    msg: "a reservation cannot be kept",
    machine: "node-m1",
    address: "192.168.1.9",
    problem: "it lies in no network that this relay gives addresses in (127.0.0.0/8)",
  });
});

test("an interface that is not there does not concern the others", async () => {
  const config = await configure((await startFakeSite()).url);
  const missing = { ...config.interfaces[0]!, name: "nope0" };
  const relay = await start({ ...config, interfaces: [missing, ...config.interfaces] });
  expect(relay.http.map(({ interface: served }) => served)).toEqual(["lo"]);
});

describe("which boot files are there", () => {
  test("is known at once after a look, and notices a file that is put there", async () => {
    const dir = await mkdtemp(join(tmpdir(), "pxedge-boot-files-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, "snponly.efi"), "x");
    let now = 0;
    const files = createBootFileAvailability(await openFileRoot(dir), () => now);
    await files.look(
      { "efi-x86_64": ["snponly.efi", "ipxe.efi"] },
      state({ site: { ...SITE, bootFiles: { bios: ["a"] } } }),
    );
    expect(files.available("snponly.efi")).toBe(true);
    expect(files.available("ipxe.efi")).toBe(false);
    await writeFile(join(dir, "ipxe.efi"), "x");
    now += 10_000;
    await eventually(() => {
      now += 10_000;
      expect(files.available("ipxe.efi")).toBe(true);
    });
  });
});
