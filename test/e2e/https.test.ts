import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { createTestChain, type TestChain } from "../support/lab/certificates.ts";
import { startHttpsLan } from "../support/lab/https-lan.ts";
import { buildLiveInstaller } from "../support/lab/live-installer.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { createCurlClient, type CurlClient } from "./curl-client.ts";
import { freePort } from "../support/lab/free-port.ts";

/** iPXE 2.0, the first that takes an ECDSA certificate: PXEDGE_IPXE_SUITE=unstable test/support/fetch-ipxe.sh .lab/ipxe-unstable */
const IPXE = fileURLToPath(new URL("../../.lab/ipxe-unstable/snponly.efi", import.meta.url));
const NAME = "pxedge.test";
const MAC = "52:54:00:e2:e0:11";
const TO_KERNEL_MS = 240_000;
const TO_REFUSAL_MS = 180_000;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/sbin/dnsmasq",
    "/usr/bin/openssl",
    IPXE,
  ],
});

/** Real firmware against the Worker's own TLS: no relay, nothing between them reads along. */
describe.skipIf(missing !== undefined)(
  `direct HTTPS${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let chain: TestChain;
    let controlPlane: LocalControlPlane;
    let api: CurlClient;
    let lanLog: () => string;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      lab = await createLab();
      chain = await createTestChain(join(directory, "certificates"), NAME);
      const port = await freePort(lab.controlPlaneAddress);
      controlPlane = await startControlPlane({
        host: lab.controlPlaneAddress,
        port,
        stateDir: join(directory, "control-plane"),
        tls: chain,
      });
      api = createCurlClient({
        url: `https://${NAME}:${port}/api/v1`,
        resolve: `${NAME}:${port}:${lab.controlPlaneAddress}`,
        rootFile: chain.rootFile,
        token: controlPlane.adminToken,
      });
      await api.request("PUT", "/sites/lab", { directInstall: true });
      const { token } = await api.request("POST", "/sites/lab/boot-tokens", {});
      await api.uploadWhole("PUT", "/boot-files/snponly.efi", IPXE);
      const { kernel } = await buildLiveInstaller(join(directory, "installer"));
      const sha256 = await api.uploadImageFile("linux", "vmlinuz", kernel);
      await api.request("PUT", "/images/linux", { files: { vmlinuz: { sha256 } } });
      await api.request("PUT", "/profiles/linux", {
        mode: "install",
        image: "linux",
        kernel: "vmlinuz",
        args: "console=ttyS0 panic=1 from={{urls.base}}",
      });
      const base = `https://${NAME}/s/${token}`;
      const lan = await startHttpsLan(lab, {
        directory: join(directory, "lan"),
        name: NAME,
        port,
        bootFile: IPXE,
        ipxeUrl: `${base}/f/snponly.efi`,
      });
      lanLog = lan.log;
    });
    afterAll(async () => {
      await lab?.close();
      await controlPlane?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    const attempts = async () => (await api.request("GET", "/sites/lab/machines/node1/attempts")).items;

    test("iPXE → snponly.efi → autoexec.ipxe → kernel, all from the Worker over HTTPS", async () => {
      await api.request("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
      await api.request("POST", "/sites/lab/machines/node1/arm", { profile: "linux" });
      const machine = await startMachine(lab, {
        firmware: "efi-x86_64",
        mac: MAC,
        directory: join(directory, "trusting"),
        qemuArguments: ["-fw_cfg", `name=etc/edk2/https/cacerts,file=${chain.firmwareCaListFile}`],
      });
      try {
        // TFTP has none, so this one is the Worker's, and it finds the machine's network by itself.
        await machine.waitForConsole(/\/f\/snponly\.efi\.\.\. ok[^]*autoexec\.ipxe\.\.\. ok/, TO_KERNEL_MS);
        await machine.waitForConsole(`pxedge: asking what to boot (${MAC})`, TO_KERNEL_MS);
        await machine.waitForConsole(/Command line:.* from=https:\/\/pxedge\.test\/s\/pxb_/, TO_KERNEL_MS);
        expect(await attempts()).toMatchObject([{ state: "committed", serves: 1, installs: 1 }]);
        const { items } = await api.request("GET", "/sites/lab/machines/node1/timeline");
        expect(items.map((event: { name: string }) => event.name)).toEqual([
          "armed",
          "served",
          "committed",
          "served",
        ]);
        expect(items[1].detail).toEqual({
          kind: "install",
          dialect: "ipxe",
          via: "direct",
          macClaimed: true,
        });
      } finally {
        await machine.powerOff();
      }
    });

    test("without the CA iPXE refuses, and nothing is asked of the Worker", async () => {
      const mac = "52:54:00:e2:e0:12";
      await api.request("PUT", "/sites/lab/machines/node2", { macs: [mac] });
      await api.request("POST", "/sites/lab/machines/node2/arm", { profile: "linux" });
      const machine = await startMachine(lab, {
        firmware: "efi-x86_64",
        mac,
        directory: join(directory, "distrusting"),
      });
      try {
        await machine.waitForConsole(/Permission denied \(https?:\/\/ipxe\.org\/0216eb8f\)/, TO_REFUSAL_MS);
        await waitFor(
          () => lanLog().includes("boot.efi"),
          5_000,
          () => lanLog(),
        );
        const { items } = await api.request("GET", "/sites/lab/machines/node2/attempts");
        expect(items).toMatchObject([{ state: "armed", serves: 0 }]);
      } finally {
        await machine.powerOff();
      }
    });
  },
);
