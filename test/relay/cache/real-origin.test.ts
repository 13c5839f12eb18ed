import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createApiClient, type ApiClient } from "../../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../../cli/dev/control-plane.ts";
import { uploadFile } from "../../../cli/upload.ts";
import { signImagePath } from "../../../core/sign/image-path.ts";
import type { ImageCache } from "../../../relay/cache/image-cache.ts";
import { startImageCache } from "../../../relay/cache/start.ts";
import { createControlPlaneClient } from "../../../relay/control-plane/client.ts";
import { createStateFile } from "../../../relay/control-plane/state-file.ts";
import { createStateSync, type StateSync } from "../../../relay/control-plane/state-sync.ts";
import { type Child, startChild } from "../../support/lab/child.ts";
import { waitFor } from "../../support/lab/wait.ts";
import { startRelayHttp, type RelayUnderTest } from "../http/fixture.ts";
import { missingNeed } from "../net/needs.ts";
import { MIB, patterned, sha256 } from "./fake-origin.ts";
import { freePort } from "../../support/lab/free-port.ts";

const missing = missingNeed({ programs: ["/usr/sbin/nginx", "/usr/bin/curl"] });

/** The real control plane, with nginx for the internet that its upstream files live in; curl for a machine. */
describe.skipIf(missing !== undefined)(
  `real components${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  { timeout: 60_000 },
  () => {
    let directory: string;
    let controlPlane: LocalControlPlane;
    let api: ApiClient;
    let nginx: Child;
    let site: { id: string; credential: string };

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-origin-"));
      mkdirSync(join(directory, "files"));
      const nginxPort = await freePort("127.0.0.1");
      nginx = await startNginx(directory, nginxPort);
      controlPlane = await startControlPlane({
        host: "127.0.0.1",
        port: await freePort("127.0.0.1"),
        stateDir: join(directory, "control-plane"),
        internet: `http://127.0.0.1:${nginxPort}`,
      });
      api = createApiClient(controlPlane.url, controlPlane.adminToken);
      const { id } = await api.request("PUT", "/sites/lab", {});
      const { token } = await api.request("POST", "/sites/lab/join-tokens");
      const { credential } = await api.request("POST", "/relays/join", { token });
      site = { id, credential };
    }, 120_000);
    afterAll(async () => {
      await controlPlane?.stop();
      await nginx?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    type Running = { relay: RelayUnderTest; cache: ImageCache; sync: StateSync; stop(): Promise<void> };

    /** The relay's side, with the state that the control plane sends. */
    async function startRelay(name: string): Promise<Running> {
      const stateDir = join(directory, `relay-${name}`);
      mkdirSync(stateDir, { recursive: true });
      const log = pino({ level: "silent" });
      const { url } = controlPlane;
      const { id: siteId, credential } = site;
      const client = createControlPlaneClient({ url, credential });
      const file = createStateFile(stateDir, siteId, log);
      const sync = await createStateSync({ client, file, siteId, log });
      await sync.refresh();
      const cache = await startImageCache({
        config: {
          stateDir,
          cache: { maxBytes: 1024 * MIB, prefetch: true, maxRate: null },
          controlPlane: { url },
        },
        credentials: { credential, siteId },
        client,
        sync,
        onEvent: () => undefined,
        log,
      });
      const relay = await startRelayHttp(url, { images: cache });
      const stop = async (): Promise<void> => {
        await sync.stop();
        await cache.stop();
      };
      return { relay, cache, sync, stop };
    }

    async function signed({ relay, sync }: Running, image: string, path: string): Promise<string> {
      const { revision } = await api.request("GET", `/images/${image}`);
      const [{ kid, key } = { kid: "", key: "" }] = sync.current()?.imageKeys ?? [];
      const expiresAt = Math.floor(Date.now() / 1000) + 600;
      const signedPath = await signImagePath({
        ...{ kid, key: Buffer.from(key, "base64url"), siteId: site.id, expiresAt },
        path: `/i/${image}/${revision}/${path}`,
      });
      return relay.url + signedPath;
    }

    /** Ends with curl's exit code: 18 is a cut, 22 an HTTP error. */
    async function curl(url: string, ...more: string[]): Promise<{ code: number | null; bytes: Buffer }> {
      const output = join(directory, "download");
      rmSync(output, { force: true });
      const child = await startChild("curl", ["-sSf", "-o", output, ...more, url]);
      const { code } = await child.exited;
      return { code, bytes: existing(output) };
    }

    const nginxLog = (): string[] => readFileSync(join(directory, "access.log"), "utf8").trim().split("\n");

    test("a file that lives elsewhere comes over once, and is served with the WAN down", async () => {
      const bytes = patterned(3 * MIB + 5, 1);
      writeFileSync(join(directory, "files", "linux"), bytes);
      await api.request("PUT", "/images/elsewhere", {
        files: {
          linux: {
            url: "https://mirror.example.org/linux",
            sizeBytes: bytes.length,
            sha256: sha256(bytes),
          },
        },
        origins: ["https://mirror.example.org"],
      });
      const running = await startRelay("elsewhere");
      const url = await signed(running, "elsewhere", "linux");
      const head = await startChild("curl", ["-sSfI", url]);
      await head.exited;
      expect(head.output()).toMatch(/^content-length: 3145733\r$/im);
      const before = nginxLog().length;
      expect((await curl(url)).bytes.equals(bytes)).toBe(true);
      expect(nginxLog().length).toBe(before + 1);
      expect(
        (await curl(url, "-r", "1000000-1999999")).bytes.equals(bytes.subarray(1_000_000, 2_000_000)),
      ).toBe(true);
      await running.stop();

      const again = await startRelay("elsewhere");
      const offline = await signed(again, "elsewhere", "linux");
      await nginx.stop();
      expect((await curl(offline)).bytes.equals(bytes)).toBe(true);
      nginx = await startNginx(directory, Number(readFileSync(join(directory, "nginx.port"), "utf8")));
      await again.stop();
    });

    test("one flipped byte at the file's origin: 502, and nothing is kept", async () => {
      const bytes = patterned(2 * MIB, 2);
      const flipped = Buffer.from(bytes);
      flipped[500_000]! ^= 1;
      writeFileSync(join(directory, "files", "initrd"), bytes);
      await api.request("PUT", "/images/flipped", {
        files: {
          initrd: {
            url: "https://mirror.example.org/initrd",
            sizeBytes: bytes.length,
            sha256: sha256(bytes),
          },
        },
        origins: ["https://mirror.example.org"],
      });
      // After the control plane has read it.
      writeFileSync(join(directory, "files", "initrd"), flipped);
      const running = await startRelay("flipped");
      const url = await signed(running, "flipped", "initrd");
      expect(await curl(url)).toEqual({ code: 22, bytes: Buffer.alloc(0) });
      writeFileSync(join(directory, "files", "initrd"), bytes);
      expect((await curl(url)).bytes.equals(bytes)).toBe(true);
      await running.stop();
    });

    test("one flipped byte in the bucket: what came before its chunk is right, then curl is cut off", async () => {
      const bytes = patterned(4 * MIB, 3);
      const file = join(directory, "stored");
      writeFileSync(file, bytes);
      const stored = await uploadFile(api, { image: "stored", path: "linux", file });
      await api.request("PUT", "/images/stored", { files: { linux: { sha256: stored.sha256 } } });
      flipStored(join(directory, "control-plane"), bytes, 2 * MIB + 77);
      const running = await startRelay("stored");
      const url = await signed(running, "stored", "linux");
      const { code, bytes: received } = await curl(url);
      expect(code).toBe(18);
      expect(received.length).toBeLessThanOrEqual(2 * MIB);
      expect(received.equals(bytes.subarray(0, received.length))).toBe(true);
      expect(running.cache.stats().retries).toBeGreaterThan(0);
      await running.stop();
    });

    test("with the control plane down, signatures are checked and what is here is served", async () => {
      const bytes = patterned(2 * MIB, 4);
      const file = join(directory, "kept");
      writeFileSync(file, bytes);
      const { sha256: hash } = await uploadFile(api, { image: "kept", path: "linux", file });
      await api.request("PUT", "/images/kept", { files: { linux: { sha256: hash } } });
      const running = await startRelay("kept");
      const url = await signed(running, "kept", "linux");
      expect((await curl(url)).bytes.equals(bytes)).toBe(true);
      await running.stop();
      await controlPlane.stop();
      const again = await startRelay("kept");
      const path = new URL(url).pathname + new URL(url).search;
      expect((await curl(again.relay.url + path)).bytes.equals(bytes)).toBe(true);
      expect((await curl(`${again.relay.url}${path}x`)).code).toBe(22);
      await again.stop();
    });
  },
);

function existing(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    // Nothing came.
    return Buffer.alloc(0);
  }
}

async function startNginx(directory: string, port: number): Promise<Child> {
  const config = join(directory, "nginx.conf");
  writeFileSync(join(directory, "nginx.port"), String(port));
  writeFileSync(
    config,
    `daemon off; pid ${directory}/nginx.pid; error_log ${directory}/error.log; worker_processes 1;
events { worker_connections 64; }
http {
  log_format ranges "$uri $http_range"; access_log ${directory}/access.log ranges;
  client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
  uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  server { listen 127.0.0.1:${port}; root ${directory}/files; }
}
`,
  );
  const child = await startChild("nginx", ["-c", config, "-e", `${directory}/error.log`]);
  await waitFor(
    () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      ),
    10_000,
    () => `nginx did not start:\n${child.output()}`,
  );
  return child;
}

/** Flips a byte where the local control plane keeps an uploaded file. */
function flipStored(stateDir: string, bytes: Buffer, at: number): void {
  const wanted = createHash("sha256").update(bytes).digest("hex");
  for (const entry of readdirSync(stateDir, { recursive: true, encoding: "utf8" })) {
    const path = join(stateDir, entry);
    if (!statSync(path).isFile() || statSync(path).size !== bytes.length) continue;
    const stored = readFileSync(path);
    if (sha256(stored) !== wanted) continue;
    stored[at]! ^= 1;
    writeFileSync(path, stored);
    return;
  }
  throw new Error("the bucket's file was not found");
}
