import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { run } from "../support/lab/child.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { startRecorder, type Recorder } from "../support/lab/recorder.ts";
import { startSite, type Site } from "./site.ts";

const INSTALLER = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
const BOOT_FILES = "/usr/lib/ipxe";
const EXAMPLE_FLEET = fileURLToPath(new URL("../../docs/example-fleet", import.meta.url));
const MIRROR_PORT = 8099;

/** What must arrive as it was sent: through the installer's debconf, and as a word of its shell. */
const AWKWARD = `Zoë's "50 %" & $HOME \`id\` #1 \\o/ <日本>`;
/** Has the installer send it back, before anything else. */
const ECHO_TEXT = `d-i pxedge/awkward string {{awkward}}
d-i preseed/early_command string {{#shell}} \\
  wget -q -O /dev/null --post-data={{awkward}} {{urls.events}}progress; \\
  debconf-get pxedge/awkward > /tmp/awkward; \\
  wget -q -O /dev/null --post-file=/tmp/awkward {{urls.events}}log; \\
`;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    `${INSTALLER}/linux`,
    `${BOOT_FILES}/snponly.efi`,
  ],
});

describe.skipIf(missing !== undefined)(
  `Debian's installer${missing === undefined ? "" : ` (skipped: ${missing})`}`,
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
      // As its README says, with a mirror of the lab's.
      const fleet = await copyExampleFleet(join(directory, "fleet"), `${lab.lanAddress}:${MIRROR_PORT}`);
      await site.pxedge("apply", fleet);
      await site.api.request("PUT", "/secrets/joinKey", { value: "k" });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const boots = [
      [
        "a",
        "bench1",
        "efi-x86_64",
        "52:54:00:1a:b0:01",
        ["dhcp acknowledged", "tftp sent", "decision served"],
      ],
      // QEMU's NIC ROM is iPXE already: no boot file is asked for.
      ["c", "bench2", "bios", "52:54:00:1a:b0:02", ["dhcp acknowledged", "decision served"]],
    ] as const;
    for (const [label, name, firmware, mac, stages] of boots) {
      test(`(${label}) ${firmware}: to the mirror without a question; (b) then the local disk`, async () => {
        const mirrorDirectory = `/${name}/debian`;
        await site.arm(name, "debian-12", { variables: { mirrorDirectory } });
        const own = join(directory, name);
        const machine = await startMachine(lab, { firmware, mac, directory: own, memoryMb: 1024 });
        try {
          const committed = await site.waitForEvent(name, "answer", "committed", 300_000);
          expect(committed.detail).toEqual({ file: "preseed.cfg" });
          // The installer itself says what it is called.
          // Its shell takes in the answers line by line: most of a minute on an emulated processor.
          const started = await site.waitForEvent(name, "callback", "started", 300_000);
          expect(started.detail).toEqual({ state: "installing", message: name });
          const asWord = await site.waitForEvent(name, "callback", "progress", 60_000);
          expect(asWord.detail["message"]).toBe(AWKWARD);
          const throughDebconf = await site.waitForEvent(name, "callback", "log", 60_000);
          expect(throughDebconf.detail["message"]).toBe(`${AWKWARD}\n`);
          // Unanswered: what the console shows is what came before.
          await mirror.waitForRequest(new RegExp(`^${mirrorDirectory}/dists/\\w+/Release$`), 180_000);
          expect(machine.consoleText()).not.toMatch(/Prompt:|!! ERROR/);
          expect(await seen(name)).toEqual(expect.arrayContaining([...stages]));

          await machine.powerOff();
          expect(await site.attempts(name)).toMatchObject([{ state: "installing", installs: 1 }]);
          await machine.powerOn();
          await machine.waitForConsole("pxedge: booting the local disk", 90_000);
          expect(await site.attempts(name)).toMatchObject([{ state: "installing", installs: 1 }]);
        } finally {
          await machine.powerOff();
        }
      });
    }

    async function seen(machine: string): Promise<string[]> {
      return (await site.timeline(machine)).map((event) => `${event.stage} ${event.name}`);
    }
  },
);

/** The example fleet, in the lab's network, with what the assertions look at. */
async function copyExampleFleet(directory: string, mirror: string): Promise<string> {
  await run("cp", ["-rL", EXAMPLE_FLEET, directory]);
  const edit = (name: string, ...changes: (readonly [before: string, after: string])[]): void => {
    const file = join(directory, name);
    let text = readFileSync(file, "utf8");
    for (const [before, after] of changes) {
      if (!text.includes(before)) throw new Error(`${name} of the example fleet has no ${before}`);
      text = text.replaceAll(before, () => after);
    }
    writeFileSync(file, text);
  };
  edit("sites/lab.yaml", ["deb.debian.org", mirror]);
  edit("machines/lab.hosts", ["192.168.79.", "192.168.77."]);
  edit(
    "profiles/debian-12.yaml",
    // Text, so that a question would show on the console; the lab has no IPv6, whose routers the installer would wait for.
    [" ---\n", " ipv6.disable=1 DEBIAN_FRONTEND=text console=ttyS0 --- console=ttyS0\n"],
    ["\nvariables:\n", `\nvariables:\n  awkward: ${JSON.stringify(AWKWARD)}\n`],
  );
  edit(
    "templates/preseed-debian-12.mustache",
    ["\nvariables:\n", '\nvariables:\n  awkward: { type: string, default: "" }\n'],
    ["d-i preseed/early_command string {{#shell}} \\\n", ECHO_TEXT],
  );
  return directory;
}
