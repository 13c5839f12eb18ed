import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { variablesOf } from "./generate.ts";
import { findTemplate, render, SYSTEM_VIEW } from "./library.ts";

/** A machine that there is not: its files below one folder, which take the place of `/sys`, `/tmp` … in a script. */
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pxedge-live-"));
  for (const folder of ["tmp", "mnt", "dev", "vmfs/devices/disks", "bin"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A program that notes how it was called, a line each, its words between `[` and `]`. */
function fake(name: string, body = ""): void {
  const note = `{ printf '%s' ${name}; for word; do printf ' [%s]' "$word"; done; echo; } >> "$ROOT/calls"\n`;
  put(`bin/${name}`, `#!/bin/sh\n${note}${body}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

type Run = { readonly status: number | null; readonly calls: string[]; readonly stderr: string };

function run(script: string, shell = "sh"): Run {
  const moved = script.replaceAll(/(?<![\w/$}])\/(sys|tmp|mnt|vmfs|proc)(?=[/ ;"])/g, `${root}/$1`);
  const { status, stderr } = spawnSync(shell, ["-c", moved], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: `${root}/bin:/usr/bin:/bin`, ROOT: root },
  });
  const calls = join(root, "calls");
  return { status, stderr, calls: existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [] };
}

/** What was reported, by callback: bodies of POSTs, and messages of GETs. */
function reports({ calls }: Run): string[] {
  return calls.flatMap((call) => {
    const url = /\[http:\/\/192\.0\.2\.1:8080\/e\/CAPABILITY\/(\w+)(?:\?message=([^\]]*))?\]/.exec(call);
    if (url === null) return [];
    const body = /\[(?:--post-data|--data-binary)\] \[([^\]]*)\]/.exec(call)?.[1];
    return [`${url[1]}: ${body ?? url[2] ?? ""}`];
  });
}

const SCSI_PAGE = Buffer.from("\0\u0080\0\u0003  BBB ", "latin1");

describe("Alpine", () => {
  beforeEach(() => {
    put("sys/block/vda/serial", "AAA");
    put("sys/block/sdb/device/vpd_pg80", SCSI_PAGE);
    put("sys/block/loop0/size", "0");
    put("sys/class/net/lo/address", "00:00:00:00:00:00\n");
    put("sys/class/net/eth1/address", `${SYSTEM_VIEW.machine.mac}\n`);
    for (const name of ["wget", "mount", "umount", "chroot", "reboot", "sync"]) fake(name);
    fake(
      "setup-alpine",
      `env | grep -v -e ^PATH= -e ^PWD= -e ^ROOT= -e ^_= > "$ROOT/answers"; mkdir -p "$ROOT/mnt/pxedge/sbin"; : > "$ROOT/mnt/pxedge/sbin/init"`,
    );
  });
  const setup = (variables: Record<string, unknown>): Run =>
    run(
      render("shell/alpine-setup", {
        repository: "http://192.0.2.1:8080/mirror/alpine/v3.22/main",
        ...variables,
      }),
    );

  test("setup-alpine finds its answers, and the installed system its keys, packages and script", () => {
    const key = `ssh-ed25519 AAAA it's "mine" $HOME`;
    const ran = setup({
      diskSerial: "BBB",
      staticAddress: "192.0.2.10",
      staticGateway: "192.0.2.1",
      nameServers: ["192.0.2.1", "192.0.2.2"],
      domain: "example.org",
      sshKeys: [key],
      packages: ["tmux"],
      postScript: `echo "it's" > /etc/motd`,
    });
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(reports(ran).map((said) => said.replace(/(installed: ).*/, "$1"))).toEqual([
      "started: /dev/sdb, serial number BBB",
      "progress: the system is on the disk",
      "installed: ",
    ]);
    const answers = readFileSync(join(root, "answers"), "utf8");
    expect(answers).toContain("KEYMAPOPTS=us us\n");
    expect(answers).toContain("HOSTNAMEOPTS=web-1\n");
    expect(answers).toContain("DNSOPTS=-d example.org 192.0.2.1 192.0.2.2\n");
    expect(answers).toContain("DISKOPTS=-m sys /dev/sdb\nERASE_DISKS=/dev/sdb\n".split("\n")[0]);
    expect(answers).toContain("ERASE_DISKS=/dev/sdb\n");
    expect(answers).toMatch(
      /auto eth1\niface eth1 inet static\n +address 192\.0\.2\.10\n +netmask 255\.255\.255\.0\n +gateway 192\.0\.2\.1\n/,
    );
    expect(readFileSync(join(root, "mnt/pxedge/root/.ssh/authorized_keys"), "utf8")).toBe(`${key}\n`);
    expect(ran.calls).toContain(`chroot [${root}/mnt/pxedge] [apk] [add] [tmux]`);
    expect(ran.calls).toContain(`chroot [${root}/mnt/pxedge] [sh] [-c] [echo "it's" > /etc/motd]`);
    expect(ran.calls.at(-1)).toBe("reboot");
  });

  test("by DHCP, on the first disk", () => {
    expect(reports(setup({}))[0]).toBe("started: /dev/sdb, serial number BBB");
    expect(readFileSync(join(root, "answers"), "utf8")).toContain("iface eth1 inet dhcp\n");
  });

  test.each([
    [
      { diskSerial: "CCC" },
      "failed: no disk has the serial number CCC; there are: /dev/sdb (serial BBB) /dev/vda (serial AAA) ",
    ],
    [
      { disk: "/dev/vda", diskSerial: "BBB" },
      "failed: /dev/vda has the serial number AAA, not BBB: nothing was written",
    ],
    [
      { disk: "/dev/sdz" },
      "failed: there is no disk /dev/sdz; there are: /dev/sdb (serial BBB) /dev/vda (serial AAA) ",
    ],
  ])("stops before it writes, and says which disks it saw: %j", (variables, said) => {
    const ran = setup(variables);
    expect(ran.status).toBe(1);
    expect(reports(ran)).toEqual([said]);
    expect(existsSync(join(root, "answers"))).toBe(false);
  });

  test("what setup-alpine said last is the failure's reason", () => {
    fake("setup-alpine", "echo 'no such repository'; exit 1");
    expect(reports(setup({})).at(-1)).toContain("failed: no such repository");
  });
});

describe("NixOS", () => {
  beforeEach(() => {
    fake("lsblk", "printf '/dev/sda disk\\n/dev/sdb disk\\n/dev/sr0 rom\\n'");
    fake("udevadm", `case "$*" in *sda) echo ID_SERIAL_SHORT=AAA ;; *sdb) echo ID_SERIAL=BBB ;; esac`);
    for (const name of [
      "curl",
      "wipefs",
      "sfdisk",
      "mkfs.fat",
      "mkfs.ext4",
      "mount",
      "reboot",
      "nixos-install",
    ]) {
      fake(name);
    }
  });
  const install = (variables: Record<string, unknown>): Run =>
    run(
      render("shell/nixos-install", { flake: "github:example/fleet#web-1", ...variables }).replaceAll(
        "[ -b ",
        "[ -n ",
      ),
      "bash",
    );

  test("lays the disk out, and installs the flake's system", () => {
    const ran = install({
      diskSerial: "BBB",
      substituters: ["http://a", "http://b"],
      trustedKeys: ["a-1:AA=", "b-1:BB="],
    });
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    const did = ran.calls.filter((call) => !/^(?:curl|lsblk|udevadm)/.test(call));
    expect(did.map((call) => call.split(" ")[0])).toEqual([
      "wipefs",
      "sfdisk",
      "mkfs.fat",
      "mkfs.ext4",
      "mount",
      "mount",
      "nixos-install",
      "reboot",
    ]);
    expect(did[1]).toBe("sfdisk [/dev/sdb]");
    expect(did[6]).toBe(
      "nixos-install [--no-root-passwd] [--flake] [github:example/fleet#web-1] " +
        "[--option] [extra-substituters] [http://a http://b] [--option] [extra-trusted-public-keys] [a-1:AA= b-1:BB=]",
    );
    expect(reports(ran)[0]).toBe("started: /dev/sdb, serial number BBB");
  });

  test("stops before it writes where no disk has the serial number", () => {
    const ran = install({ diskSerial: "CCC" });
    expect(ran.status).toBe(1);
    expect(reports(ran)).toEqual([
      "failed: no disk has the serial number CCC; there are: /dev/sda (serial AAA) /dev/sdb (serial BBB) ",
    ]);
    expect(ran.calls.some((call) => /^(?:wipefs|sfdisk|mkfs)/.test(call))).toBe(false);
  });

  test("a failing step ends it, and its log is the reason", () => {
    fake("mkfs.ext4", "echo 'the disk is broken' >&2; exit 1");
    const ran = install({});
    expect(reports(ran).at(-1)).toContain("failed: the disk is broken");
    expect(ran.calls.some((call) => call.startsWith("nixos-install"))).toBe(false);
  });
});

describe("ESXi's %pre", () => {
  const DISKS = [
    "t10.ATA_____Disk_____________AAA",
    "t10.ATA_____Disk_____________AAA:1",
    "naa.5000c500BBB",
    "vml.0100",
  ];
  beforeEach(() => {
    fake("wget");
    for (const disk of DISKS) put(`vmfs/devices/disks/${disk}`, "");
  });
  function pre(variables: Record<string, unknown>): Run & { chosen: string | null } {
    const text = render("kickstart/esxi", { rootPasswordHash: "$6$salt$hash/.", ...variables });
    const ran = run(/^%pre .*\n([^]*?)^%post/m.exec(text)![1]!);
    const chosen = join(root, "tmp/pxedge-disk");
    return { ...ran, chosen: existsSync(chosen) ? readFileSync(chosen, "utf8").replaceAll(root, "") : null };
  }

  test.each([
    [{}, "install --firstdisk --overwritevmfs\n", "started: the+first+disk"],
    [
      { diskSerial: "BBB" },
      "install --disk=/vmfs/devices/disks/naa.5000c500BBB --overwritevmfs\n",
      "started: naa.5000c500BBB",
    ],
    [
      { disk: DISKS[0], diskSerial: "AAA" },
      `install --disk=/vmfs/devices/disks/${DISKS[0]} --overwritevmfs\n`,
      `started: ${DISKS[0]}`,
    ],
  ])("chooses a disk: %j", (variables, chosen, said) => {
    const ran = pre(variables);
    expect(ran).toMatchObject({ status: 0, chosen, stderr: "" });
    expect(reports(ran)).toEqual([said]);
  });

  test.each([
    [
      { diskSerial: "CCC" },
      /^failed: no\+disk\+has\+CCC.*naa\.5000c500BBB\+t10\.ATA_____Disk_____________AAA\+$/,
    ],
    [{ disk: "naa.other" }, /^failed: there\+is\+no\+disk\+naa\.other/],
    [{ disk: DISKS[2], diskSerial: "AAA" }, /^failed: naa\.5000c500BBB\+has\+not\+AAA/],
  ])("names none, so that the installer stops, and says which it saw: %j", (variables, said) => {
    const ran = pre(variables);
    expect(ran.status).toBe(1);
    expect(ran.chosen).toBeNull();
    expect(reports(ran)).toEqual([expect.stringMatching(said)]);
  });
});

test("discovery says what a machine is made of", () => {
  fake("curl");
  put("sys/class/dmi/id/sys_vendor", "Example\n");
  put("sys/class/dmi/id/product_name", `Server "X" & Co\n`);
  put("sys/class/dmi/id/product_serial", "SERIAL0001\n");
  put("proc/cpuinfo", "processor\t: 0\nmodel name\t: CPU\nprocessor\t: 1\nmodel name\t: CPU\n");
  put("proc/meminfo", "MemTotal:       16384 kB\n");
  put("sys/block/sda/device/model", "Disk    \n");
  put("sys/block/sda/device/vpd_pg80", SCSI_PAGE);
  put("sys/block/sda/size", "4194304\n");
  put("sys/block/loop0/size", "0\n");
  put("sys/class/net/lo/address", "00:00:00:00:00:00\n");
  put("sys/class/net/eth0/address", "52:54:00:12:34:56\n");
  put("sys/class/net/eth0/carrier", "1\n");
  put("sys/class/net/eth0/device/vendor", "0x1af4\n");
  fake("poweroff");
  const ran = run(render("shell/discovery", { whenDone: "poweroff" }));
  expect(ran.status).toBe(0);
  expect(reports(ran).slice(1)).toEqual([
    `log: system: Example Server "X" & Co, serial SERIAL0001, uuid , asset `,
    "log: firmware: BIOS   of ",
    "log: processors: 2 of CPU",
    "log: memory: 16384 kB",
    "log: disk: /dev/sda, Disk, serial BBB, 2 GiB",
    "log: nic: eth0, 52:54:00:12:34:56, driver , carrier 1, unknown Mb/s",
    "progress: done",
  ]);
  expect(ran.calls.at(-1)).toBe("poweroff");
});

const busybox = "/bin/busybox";
test
  .skipIf(missingNeed({ programs: [busybox] }) !== undefined)
  .each(["shell/alpine-setup", "shell/discovery"])(
  "busybox's shell, which has programs of its own and so runs nothing here, takes %s",
  (path) => {
    const template = findTemplate(path);
    const sets = [...Object.values(template.examples), ...fc.sample(variablesOf(template), 20)];
    for (const variables of sets) {
      const { status, stderr } = spawnSync(busybox, ["sh", "-n"], {
        input: render(path, variables),
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
  },
);
