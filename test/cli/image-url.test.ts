import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiClient, type ApiClient } from "../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { parseRelayConfig } from "../../relay/config/parse.ts";
import { join as joinSite } from "../../relay/control-plane/join.ts";
import { startRelay, type Relay } from "../../relay/relay.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { urlOf } from "../relay/relay-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { createTestChain } from "../support/lab/certificates.ts";
import { startChild, type Child } from "../support/lab/child.ts";
import { freePort } from "../support/lab/free-port.ts";
import { pxedge } from "./pxedge-process.ts";

const HOST = "mirror.example.org";
const SIZE_BYTES = (2 << 20) + 5;
const lack = missingNeed({ programs: ["/usr/sbin/nginx", "/usr/bin/curl", "/usr/bin/openssl"] });

/**
 * Files that stay where they are, from the command to the machine: nginx is the
 * internet, which the command reaches by HTTPS through a proxy, and the control
 * plane as `internet`; the relay is the real one, and curl the machine.
 */
describe.skipIf(lack !== undefined)(
  `image add --url${lack === undefined ? "" : ` (skipped: ${lack})`}`,
  { timeout: 60_000 },
  () => {
    const directory = mkdtempSync(join(tmpdir(), "pxedge-image-url-"));
    const file = (name: string) => join(directory, "files", name);
    const sha256Of = (name: string) =>
      createHash("sha256")
        .update(readFileSync(file(name)))
        .digest("hex");
    const urlTo = (name: string) => `https://${HOST}/${name}`;
    let nginx: Child;
    let proxy: Server;
    let controlPlane: LocalControlPlane;
    let api: ApiClient;
    let relay: Relay;
    let env: NodeJS.ProcessEnv;

    beforeAll(async () => {
      mkdirSync(join(directory, "files"));
      for (const name of ["linux", "initrd.gz", "changing"])
        writeFileSync(file(name), randomBytes(SIZE_BYTES));
      const chain = await createTestChain(join(directory, "ca"), HOST);
      const [plain, tls] = [await freePort(), await freePort()];
      nginx = await startNginx(directory, { plain, tls, chain });
      proxy = await startProxy(tls);
      controlPlane = await startControlPlane({
        host: "127.0.0.1",
        port: await freePort(),
        stateDir: join(directory, "control-plane"),
        internet: `http://127.0.0.1:${plain}`,
      });
      api = createApiClient(controlPlane.url, controlPlane.adminToken);
      env = {
        HOME: directory,
        PXEDGE_URL: controlPlane.url,
        PXEDGE_TOKEN: controlPlane.adminToken,
        // Not in capitals, which would not count beside one of this host's own.
        https_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
        NODE_EXTRA_CA_CERTS: chain.rootFile,
      };
      // No DHCP here, so that the relay cannot say whose address it is.
      const attestation = [{ cidr: "127.0.0.0/8", mode: "preferred" }];
      await api.request("PUT", "/sites/lab", { attestation });
      relay = await startJoinedRelay(join(directory, "relay"), controlPlane.url, api);
    }, 120_000);
    afterAll(async () => {
      await relay?.stop();
      await controlPlane?.stop();
      proxy?.closeAllConnections();
      proxy?.close();
      await nginx?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    const add = (image: string, ...urls: string[]) =>
      pxedge(["image", "add", image, ...urls.flatMap((url) => ["--url", url])], env).ended;

    /** Arms a new machine; the URL that its script loads the kernel from. */
    async function armForKernel(machine: string, mac: string, profile: string): Promise<string> {
      await api.request("PUT", `/sites/lab/machines/${machine}`, { macs: [mac], profile });
      await api.request("POST", `/sites/lab/machines/${machine}/arm`, {});
      const scriptUrl = `${urlOf(relay)}/boot/${mac.replaceAll(":", "-")}/script.ipxe`;
      const script = await (await fetch(scriptUrl)).text();
      const [, kernel] = /^kernel --name \S+ (\S+)/m.exec(script) ?? [];
      expect(kernel, script).toBeDefined();
      return new URL(kernel!, scriptUrl).href;
    }

    /** Ends with curl's exit code: 22 is an HTTP error. */
    async function curl(url: string): Promise<{ code: number | null; bytes: Buffer }> {
      const output = join(directory, "download");
      writeFileSync(output, "");
      const child = await startChild("curl", ["-sSf", "-o", output, url]);
      const { code } = await child.exited;
      return { code, bytes: readFileSync(output) };
    }

    const requestsFor = (name: string) =>
      readFileSync(join(directory, "access.log"), "utf8")
        .split("\n")
        .filter((line) => line.includes(` /${name} `));

    const profile = (image: string, kernel: string) => ({ mode: "install", image, kernel });

    test("a hash that is given, one that is learned, and the very bytes at the machine, fetched once", async () => {
      const added = await add(
        "elsewhere",
        `${urlTo("linux")}#sha256=${sha256Of("linux")}`,
        urlTo("initrd.gz"),
      );
      expect(added).toMatchObject({ code: 0, stderr: "" });
      expect(added.stdout).toContain("initrd.gz: no hash was given; it is taken as it came just now\n");
      expect(added.stdout).toContain(`sha256 ${sha256Of("linux")}  (stays where it is)\n`);
      // The command asked for the size only; the control plane has read it.
      await eventually(() => expect(requestsFor("linux")).toEqual(["HEAD /linux 200", "GET /linux 200"]));
      const { files, origins } = await api.request("GET", "/images/elsewhere");
      expect(origins).toEqual([`https://${HOST}`]);
      expect(files).toMatchObject({
        linux: { url: urlTo("linux"), sha256: sha256Of("linux"), sizeBytes: SIZE_BYTES },
        "initrd.gz": { url: urlTo("initrd.gz"), sha256: sha256Of("initrd.gz"), sizeBytes: SIZE_BYTES },
      });

      await api.request("PUT", "/profiles/elsewhere", profile("elsewhere", "linux"));
      const kernel = await armForKernel("m1", "52:54:00:00:00:01", "elsewhere");
      for (const _ of [1, 2]) {
        expect(await curl(kernel)).toEqual({ code: 0, bytes: readFileSync(file("linux")) });
      }
      await eventually(() => expect(requestsFor("linux")).toHaveLength(3));
    });

    test("a file that is not what the hash says is refused, and nothing is made", async () => {
      const wrong = await add("wrong", `${urlTo("linux")}#sha256=${"ab".repeat(32)}`);
      expect(wrong).toMatchObject({ code: 1, stdout: "" });
      expect(wrong.stderr).toContain(`files.linux.url: ${urlTo("linux")}: the file has the hash `);
      const absent = await add("wrong", urlTo("nowhere"));
      expect(absent).toMatchObject({ code: 1, stdout: "" });
      expect(absent.stderr).toContain(`${urlTo("nowhere")} is answered with 404`);
      expect(await api.read("/images/wrong")).toBeNull();
    });

    test("one that changes where it lives reaches no machine, and is told; added again it is another revision", async () => {
      expect((await add("changing", urlTo("changing"))).code).toBe(0);
      const before = await api.request("GET", "/images/changing");
      await api.request("PUT", "/profiles/changing", profile("changing", "changing"));
      // Before the order: what it needs the relay fetches ahead.
      writeFileSync(file("changing"), randomBytes(SIZE_BYTES));
      const kernel = await armForKernel("m2", "52:54:00:00:00:02", "changing");

      expect(await curl(kernel)).toEqual({ code: 22, bytes: Buffer.alloc(0) });
      await eventually(async () => {
        const events = await api.list("/sites/lab/events");
        expect(events).toContainEqual(
          expect.objectContaining({
            stage: "http",
            name: "rejected",
            detail: expect.objectContaining({ image: "changing", path: "changing" }),
          }),
        );
      });
      expect((await add("changing", urlTo("changing"))).code).toBe(0);
      const after = await api.request("GET", "/images/changing");
      expect(after.revision).not.toBe(before.revision);
      expect(after.files.changing.sha256).toBe(sha256Of("changing"));
      const next = await armForKernel("m3", "52:54:00:00:00:03", "changing");
      expect(await curl(next)).toEqual({ code: 0, bytes: readFileSync(file("changing")) });
    });
  },
);

async function startNginx(
  directory: string,
  { plain, tls, chain }: { plain: number; tls: number; chain: { key: string; certificates: string } },
): Promise<Child> {
  const [config, key, certificates] = ["nginx.conf", "key.pem", "certificates.pem"].map((name) =>
    join(directory, name),
  );
  writeFileSync(key!, chain.key);
  writeFileSync(certificates!, chain.certificates);
  writeFileSync(
    config!,
    `daemon off; pid ${directory}/nginx.pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
  log_format plain "$request_method $uri $status"; access_log ${directory}/access.log plain;
  client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
  uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  ssl_certificate ${certificates}; ssl_certificate_key ${key};
  server { listen 127.0.0.1:${plain}; listen 127.0.0.1:${tls} ssl; root ${directory}/files; }
}
`,
  );
  const child = await startChild("nginx", ["-c", config!, "-e", "stderr"]);
  await eventually(async () => void (await fetch(`http://127.0.0.1:${plain}/`)));
  return child;
}

/** A proxy (CONNECT, RFC 9110 section 9.3.6) for which every host is this one port. */
async function startProxy(port: number): Promise<Server> {
  const server = createServer();
  server.on("connect", (_request, client, head) => {
    const upstream = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function startJoinedRelay(stateDir: string, url: string, api: ApiClient): Promise<Relay> {
  const { token } = await api.request("POST", "/sites/lab/join-tokens");
  await joinSite({ url, token, stateDir });
  const text = `controlPlane: { url: "${url}" }
stateDir: ${stateDir}
interfaces: [{ name: lo, dhcp: { mode: off } }]
tftp: { root: ${stateDir}, port: ${await freePort()} }
http: { port: ${await freePort()} }
admin: { port: ${await freePort()} }
`;
  return await startRelay({ config: parseRelayConfig(text, "relay.yaml"), log: pino({ level: "silent" }) });
}
