import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { startRecorder, type Recorder } from "../support/lab/recorder.ts";
import { missingForVirtualMachines } from "./requirements.ts";
import { addImage, startSite, type Site } from "./site.ts";

const INSTALLER = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
const BOOT_FILES = "/usr/lib/ipxe";
const TEMPLATE = fileURLToPath(new URL("../../templates/preseed/debian-12.mustache", import.meta.url));
const MIRROR_PORT = 8099;

const missing = missingForVirtualMachines([
  "/usr/bin/qemu-system-x86_64",
  "/usr/share/OVMF/OVMF_CODE_4M.fd",
  `${INSTALLER}/linux`,
  `${BOOT_FILES}/snponly.efi`,
]);

describe.skipIf(missing !== null)(
  `Debian's installer${missing === null ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;
    let mirror: Recorder;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      lab = await createLab();
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: BOOT_FILES });
      mirror = await startRecorder(lab, { port: MIRROR_PORT });
      await site.api.request("PUT", "/templates/preseed-debian-12", { text: readFileSync(TEMPLATE, "utf8") });
      await addImage(site.api, "debian-12", {
        linux: `${INSTALLER}/linux`,
        "initrd.gz": `${INSTALLER}/initrd.gz`,
      });
      await site.api.request("PUT", "/profiles/debian-12", {
        mode: "install",
        image: "debian-12",
        kernel: "linux",
        initrds: ["initrd.gz"],
        args: "auto=true priority=critical url={{urls.answers}}preseed.cfg console=ttyS0 --- console=ttyS0",
        answers: { "preseed.cfg": { template: "preseed-debian-12" } },
        variables: { mirrorHost: `${lab.lanAddress}:${MIRROR_PORT}` },
      });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    test("(a) UEFI: EDK2 PXE → snponly.efi → kernel, initrd → preseed → the mirror, and (b) then the local disk", async () => {
      const mac = "52:54:00:e2:e0:0a";
      const path = await site.addMachine("uefi1", mac);
      await site.arm("uefi1", "debian-12");
      const machine = await startMachine(lab, {
        firmware: "efi-x86_64",
        mac,
        directory: join(directory, "uefi1"),
        memoryMb: 1024,
      });
      try {
        await machine.waitForConsole("pxedge: asking what to boot", 90_000);
        const committed = await site.waitForEvent("uefi1", "answer", "committed", 200_000);
        expect(committed.detail).toEqual({ file: "preseed.cfg" });
        const request = await mirror.waitForRequest(/\/debian\/dists\/bookworm\//, 120_000);
        expect(request.method).toBe("GET");
        expect(machine.consoleText()).not.toContain("!!");
        const stages = (await site.timeline("uefi1")).map((event) => `${event.stage} ${event.name}`);
        for (const stage of [
          "dhcp offered",
          "dhcp acknowledged",
          "tftp sent",
          "decision served",
          "answer served",
          "callback started",
        ]) {
          expect(stages).toContain(stage);
        }

        await machine.powerOff();
        expect((await site.attempts("uefi1"))[0]).toMatchObject({ state: "installing", installs: 1 });
        await machine.powerOn();
        await machine.waitForConsole("pxedge: booting the local disk", 90_000);
        expect((await site.attempts("uefi1"))[0]).toMatchObject({ installs: 1 });
        expect(path).toBe("/sites/lab/machines/uefi1");
      } finally {
        console.log(
          machine.consoleText().slice(-3000),
          mirror.requests.map((r) => [r.target, r.headers["user-agent"]]),
          (await site.timeline("uefi1"))
            .map((e) => `${e.at} ${e.stage} ${e.name} ${JSON.stringify(e.detail)}`)
            .join("\n"),
        );
        await machine.powerOff();
      }
    });
  },
);
