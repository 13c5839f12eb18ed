import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { DEBIAN_HOST_NEEDS, type DebianHost } from "../support/lab/debian-host.ts";
import { installRelay } from "./installed-relay.ts";
import { addImage, startSite, type Site } from "./site.ts";

/** iPXE of a newer Debian: the arm64 build, and a second version for x86-64. */
const BOOT_FILES = fileURLToPath(new URL("../../.lab/ipxe", import.meta.url));
const BUILD_MS = 300_000;
const TO_SCRIPT_MS = 180_000;
const SECRET = "canary-5d1f";

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/qemu-system-aarch64",
    "/usr/share/AAVMF/AAVMF_CODE.fd",
    join(BOOT_FILES, "ipxe-arm64.efi"),
    ...DEBIAN_HOST_NEEDS,
  ],
});

describe.skipIf(missing !== undefined)(
  `who gets which script${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let debian: DebianHost;
    let site: Site;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      lab = await createLab();
      // The relay here is the package's, on a Debian of its own, as restricted as its unit has it.
      const installed = await installRelay(directory, BOOT_FILES);
      debian = installed.debian;
      const { host } = installed;
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: BOOT_FILES, host });
      // No machine of its architecture can run it: what counts here is that it is asked for.
      await addImage(site.api, "not-a-kernel", { linux: fileURLToPath(import.meta.url) });
      await site.api.request("PUT", "/profiles/secret", {
        mode: "install",
        image: "not-a-kernel",
        kernel: "linux",
        args: `secret=${SECRET}`,
      });
    }, BUILD_MS);
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    test("(d) arm64: EDK2 PXE → ipxe-arm64.efi → its own script", async () => {
      const mac = "52:54:00:e2:e0:0d";
      await site.addMachine("arm1", mac);
      await site.arm("arm1", "secret");
      const machine = await startMachine(lab, {
        firmware: "efi-arm64",
        mac,
        directory: join(directory, "arm1"),
      });
      try {
        await machine.waitForConsole("/linux", TO_SCRIPT_MS);
        const timeline = await site.timeline("arm1");
        expect(timeline.find((event) => event.stage === "dhcp")?.detail).toMatchObject({
          arch: 11,
          bootFile: "ipxe-arm64.efi",
        });
        const sent = await site.waitForEvent("arm1", "tftp", "sent", 20_000);
        expect(sent.detail).toMatchObject({ file: "ipxe-arm64.efi" });
        expect(await site.attempts("arm1")).toMatchObject([{ state: "booting", installs: 0 }]);
      } finally {
        await machine.powerOff();
      }
    });

    test("(e) an unknown machine boots its local disk and learns nothing", async () => {
      await site.addMachine("known", "52:54:00:e2:e0:0e");
      await site.arm("known", "secret");
      const machine = await startMachine(lab, {
        firmware: "efi-x86_64",
        mac: "52:54:00:e2:e0:0f",
        directory: join(directory, "stranger"),
      });
      try {
        await machine.waitForConsole("pxedge: booting the local disk", TO_SCRIPT_MS);
        expect(machine.consoleText()).not.toContain(SECRET);
        // Nor does it by asking for the machine that is armed: the relay sees whose address asks.
        const claimed = await lab.exec("curl", ["-s", `${site.relayUrl}/boot/52-54-00-e2-e0-0e/script.ipxe`]);
        const own = await lab.exec("curl", ["-s", `${site.relayUrl}/boot/52-54-00-e2-e0-0f/script.ipxe`]);
        expect(claimed).toBe(own);
        expect(claimed).not.toContain(SECRET);
        expect(await site.attempts("known")).toMatchObject([{ state: "armed", installs: 0 }]);
      } finally {
        await machine.powerOff();
      }
    });

    test("the relay's package: its own user, one capability, few system calls, nothing of the system writable", async () => {
      const execute = async (command: readonly [string, ...string[]]) => {
        const [program, ...args] = command;
        return await lab.exec(program, args);
      };
      const status = await execute(debian.confined("cat", "/proc/self/status"));
      // Bit 10 is CAP_NET_BIND_SERVICE.
      expect(status).toMatch(/^CapEff:\t0000000000000400\nCapBnd:\t0000000000000400$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).not.toMatch(/^Uid:\t0/m);
      // What the relay itself runs under: the filter is the unit's.
      expect(status).toMatch(/^Seccomp:\t2$/m);
      await expect(execute(debian.confined("ionice", "-c", "2", "-n", "7", "true"))).rejects.toThrow(
        /Operation not permitted/,
      );
      await expect(execute(debian.confined("touch", "/etc/pxedge/x"))).rejects.toThrow(
        /Read-only file system/,
      );
      await execute(debian.confined("touch", "/var/lib/pxedge/x"));

      const enabled = "/etc/systemd/system/multi-user.target.wants/pxedge-relay.service";
      await execute(debian.inside("test", "-e", enabled));
      // What root joined is the service's.
      const owner = await execute(debian.inside("stat", "-c", "%U %a", "/var/lib/pxedge/credentials.json"));
      expect(owner).toBe("pxedge 600\n");
    });
  },
);
