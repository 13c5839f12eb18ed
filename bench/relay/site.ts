import { createHash } from "node:crypto";
import { copyFileSync, createReadStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApiClient } from "../../cli/api-client.ts";
import { startControlPlane } from "../../cli/dev/control-plane.ts";
import { uploadFile } from "../../cli/upload.ts";
import { IMAGE_CHUNK_BYTES, type RelayImageFile } from "../../core/relay-protocol/image-manifest.ts";
import type { RelayState } from "../../core/relay-protocol/state.ts";
import { signImagePath } from "../../core/sign/image-path.ts";
import type { Child } from "../../test/support/lab/child.ts";
import type { Lab } from "../../test/support/lab/network.ts";
import { waitFor } from "../../test/support/lab/wait.ts";
import { startWan, type SimulatedWan } from "../../test/support/wan/wan.ts";
import { freePort } from "../../test/support/lab/free-port.ts";

const BUILD = fileURLToPath(new URL("../../deploy/relay/build-relay.ts", import.meta.url));
/** As it is delivered: from the sources it takes more memory. */
const RELAY = fileURLToPath(new URL("../../dist/relay/pxedge-relay.cjs", import.meta.url));

/** pxedge under measurement: the control plane behind a simulated WAN, the relay in the lab's namespace. */
export type MeasuredSite = {
  readonly wan: SimulatedWan;
  /** As the relay shows itself to the control plane. */
  readonly credential: string;
  readonly relayUrl: string;
  /** Of the relay. */
  readonly pid: () => number;
  /** Uploads a file as an image of its own; returns its signed path. */
  addImage(name: string, file: string): Promise<string>;
  /** Puts a file where an earlier run of the relay would have left it; returns its signed path. */
  addCachedImage(name: string, file: string): Promise<string>;
  /** As an operator does after an update. */
  restartRelay(): Promise<void>;
  stop(): Promise<void>;
};

export async function startMeasuredSite(lab: Lab, directory: string): Promise<MeasuredSite> {
  const controlPlane = await startControlPlane({
    host: lab.controlPlaneAddress,
    port: await freePort(lab.controlPlaneAddress),
    stateDir: join(directory, "control-plane"),
  });
  const wan = await startWan({ origin: controlPlane.url, address: lab.controlPlaneAddress });
  const api = createApiClient(controlPlane.url, controlPlane.adminToken);
  await api.request("PUT", "/sites/lab", {});
  const { token } = await api.request("POST", "/sites/lab/join-tokens");
  const stateDir = join(directory, "relay");
  const root = join(directory, "tftp");
  mkdirSync(root, { recursive: true });
  const config = join(directory, "relay.yaml");
  writeFileSync(
    config,
    `controlPlane: { url: "${wan.url}" }
stateDir: ${stateDir}
interfaces:
  - name: ${lab.lanInterface}
    dhcp: { mode: server, range: [192.168.77.20, 192.168.77.219] }
tftp: { root: ${root} }
log: { level: info }
`,
  );
  await lab.exec(process.execPath, [BUILD]);
  const join_ = ["relay", "join", "--url", wan.url, "--token", token, "--state-dir", stateDir];
  await lab.exec(process.execPath, [RELAY, ...join_]);
  const { credential } = JSON.parse(readFileSync(join(stateDir, "credentials.json"), "utf8")) as {
    credential: string;
  };

  let relay: Child | undefined;
  const startRelay = async (): Promise<void> => {
    const child = await lab.spawn(process.execPath, [RELAY, "relay", "run", "--config", config]);
    relay = child;
    await waitFor(
      () => child.output().includes("the relay runs"),
      30_000,
      () => `the relay did not start:\n${child.output()}`,
    );
  };
  await startRelay();

  const sign = async (name: string, revision: string): Promise<string> => {
    const headers = { authorization: `Bearer ${credential}` };
    const state = (await (
      await fetch(`${controlPlane.url}/relay/v1/state`, { headers })
    ).json()) as RelayState;
    const [{ kid, key } = { kid: "", key: "" }] = state.imageKeys;
    return signImagePath({
      kid,
      key: Buffer.from(key, "base64url"),
      siteId: state.site.id,
      path: `/i/${name}/${revision}/file`,
      expiresAt: Math.floor(Date.now() / 1000) + 86_400,
    });
  };

  return {
    wan,
    credential,
    relayUrl: `http://${lab.lanAddress}:8080`,
    // `ip netns exec` becomes the program.
    pid: () => relay!.pid,
    async addImage(name, file) {
      const { sha256 } = await uploadFile(api, { image: name, path: "file", file });
      const { revision } = await api.request("PUT", `/images/${name}`, { files: { file: { sha256 } } });
      return sign(name, revision);
    },
    async addCachedImage(name, file) {
      const described = await describeFile(file);
      const revision = described.sha256.slice(0, 32);
      const cache = join(stateDir, "cache");
      for (const folder of ["objects", "manifests"]) mkdirSync(join(cache, folder), { recursive: true });
      copyFileSync(file, join(cache, "objects", described.sha256));
      writeFileSync(
        join(cache, "manifests", `${revision}.json`),
        JSON.stringify({ files: { file: described } }),
      );
      return sign(name, revision);
    },
    async restartRelay() {
      await relay?.stop();
      await startRelay();
    },
    async stop() {
      await relay?.stop();
      await wan.stop();
      await controlPlane.stop();
    },
  };
}

/** What a manifest says of a file. */
async function describeFile(file: string): Promise<RelayImageFile & { readonly sha256: string }> {
  const whole = createHash("sha256");
  const chunks: string[] = [];
  let sizeBytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: IMAGE_CHUNK_BYTES })) {
    whole.update(chunk as Buffer);
    chunks.push(
      createHash("sha256")
        .update(chunk as Buffer)
        .digest("hex"),
    );
    sizeBytes += (chunk as Buffer).length;
  }
  return { sizeBytes, sha256: whole.digest("hex"), chunks };
}
