import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { buildLiveInstaller, LIVE_INSTALLER_ARGS } from "../support/lab/live-installer.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { addImage, startSite, type Site } from "./site.ts";

const BOOT_FILES = "/usr/lib/ipxe";
/** The live installer that stays in its answer, a shell fragment, is a system that lives in memory. */
const TEMPLATE = `---
kind: shell
description: Of a live system
---
EVENTS={{urls.events}}
post started
sleep 600
`;
const TO_SYSTEM_MS = 240_000;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/bin/busybox",
    `${BOOT_FILES}/snponly.efi`,
  ],
});

describe.skipIf(missing !== undefined)(
  `Machines that are not armed${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      const system = await buildLiveInstaller(join(directory, "system"));
      lab = await createLab();
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: BOOT_FILES });
      await site.api.request("PUT", "/templates/live", { text: TEMPLATE });
      await addImage(site.api, "live", { linux: system.kernel, "initrd.gz": system.initrd });
      await site.api.request("PUT", "/profiles/live", {
        mode: "live",
        image: "live",
        kernel: "linux",
        initrds: ["initrd.gz"],
        args: `${LIVE_INSTALLER_ARGS} pxedge.answer={{urls.answers}}live.sh`,
        answers: { "live.sh": { template: "live" } },
      });
      await site.api.request("PUT", "/profiles/menu", {
        mode: "menu",
        title: "What shall it be?",
        items: [
          { key: "live", label: "A system in memory", group: "Live", profile: "live" },
          { key: "disk", label: "The local disk", action: "local" },
          { key: "shell", label: "iPXE shell", group: "Tools", action: "shell" },
        ],
        default: "live",
        timeoutSeconds: 5,
      });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    test("BIOS: the menu is shown, and its default taken when the time is up", async () => {
      const mac = "52:54:00:e2:e0:51";
      await site.addMachine("menu", mac, { profile: "menu" });
      const machine = await startMachine(lab, { firmware: "bios", mac, directory: join(directory, "menu") });
      try {
        await machine.waitForConsole("What shall it be?", TO_SYSTEM_MS);
        await machine.waitForConsole("A system in memory", 30_000);
        await machine.waitForConsole("LIVE-INSTALLER posted: started", TO_SYSTEM_MS);
        const decided = (await site.timeline("menu")).filter(
          ({ name, stage }) => `${stage} ${name}` === "decision served",
        );
        expect(decided.map(({ detail }) => [detail["kind"], detail["item"]])).toEqual([
          ["menu", undefined],
          ["live", "live"],
        ]);
        expect(await site.attempts("menu")).toEqual([]);
      } finally {
        await machine.powerOff();
      }
    });

    test("UEFI: a live system boots, each time, and wipes nothing", async () => {
      const mac = "52:54:00:e2:e0:52";
      await site.addMachine("live", mac, { profile: "live" });
      const own = join(directory, "live");
      const machine = await startMachine(lab, { firmware: "efi-x86_64", mac, directory: own });
      try {
        await site.waitForEvent("live", "answer", "served", TO_SYSTEM_MS);
        const started = await site.waitForEvent("live", "callback", "started", 60_000);
        expect(started.detail).toMatchObject({ profile: "live" });
        await machine.powerOn();
        await machine.waitForConsole("LIVE-INSTALLER posted: started", TO_SYSTEM_MS);
        expect(await site.attempts("live")).toEqual([]);
      } finally {
        await machine.powerOff();
      }
    });
  },
);
