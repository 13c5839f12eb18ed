import { describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { hasDebconf } from "../core/render/debconf.ts";
import { autoyastScript, CHOOSERS, kickstartSection, preseedCommand } from "./installers.ts";
import { render } from "./library.ts";
import { runScript, type Ran } from "./sandbox.ts";

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

type Variables = Readonly<Record<string, unknown>>;

const UEFI = { "sys/firmware/efi/fw_platform_size": "64" };

/** Runs what each template runs when its system is on the disk. */
const FINISHERS: Readonly<Record<string, (variables: Variables) => Ran>> = {
  "kickstart/enterprise-linux": (variables) => runScript(kickstartSection("post", variables)),
  "preseed/debian-12": (variables) =>
    runScript(preseedCommand("preseed/late_command", variables), { files: UEFI }),
  "autoyast/opensuse-leap": (variables) =>
    runScript(`${autoyastScript("chroot", variables)}\n${autoyastScript("init", variables)}`),
  "autoinstall/ubuntu": (variables) => {
    const rendered = parse(render("autoinstall/ubuntu", variables)) as {
      autoinstall: { "late-commands": (string | string[])[] };
    };
    const quote = (word: string) => (/^[\w/:.-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
    const words = (command: string[]) => command.map(quote).join(" ");
    const lines = rendered.autoinstall["late-commands"].map((each) =>
      typeof each === "string" ? each : words(each).replace(/^curtin in-target --/, "in-target"),
    );
    return runScript(`set -e\n${lines.join("\n")}`);
  },
};

describe.each(Object.entries(FINISHERS))("%s", (path, finish) => {
  const skipped = path.startsWith("preseed/") && !hasDebconf;

  test.skipIf(skipped)(
    "puts network boot ahead, runs the profile's program, and says that it is done",
    () => {
      const ran = finish({ postAnswer: "post" });
      expect(ran).toMatchObject({ status: 0, stderr: "" });
      expect(ran.said[0]).toBe("progress: the system is on the disk");
      expect(ran.said).toContain("ran post");
      expect(ran.said.at(-1)).toMatch(/^installed: /);
      // In the firmware's order: PXE before HTTP; then the system and the shell, as they were.
      expect(ran.read("/efi")).toBe("-q -o 0001,0003,0004,0002\n");
    },
  );

  test.skipIf(skipped)("leaves the boot order where it shall", () => {
    expect(finish({ networkBootFirst: false }).read("/efi")).toBeNull();
  });

  test.skipIf(skipped)("is not installed where the profile's script fails", () => {
    const ran = finish({ postScript: "echo no >&2; exit 3" });
    expect(ran.status).not.toBe(0);
    expect(ran.said.join("\n")).not.toContain("installed:");
    // Subiquity's error-commands say it for autoinstall.
    if (path !== "autoinstall/ubuntu") expect(ran.said.at(1)).toMatch(/^failed: .*postScript failed with 3$/);
  });
});

describe("two disks become one (UEFI): the boot loader is on both, the first one ahead", () => {
  const partitions = Object.fromEntries(
    ["sda", "sdb"].flatMap((disk) =>
      [1, 2, 3].map(
        (number) => [`sys/class/block/${disk}/${disk}${number}/partition`, `${number}\n`] as const,
      ),
    ),
  );

  test.skipIf(!hasDebconf)("preseed", () => {
    const ran = runScript(preseedCommand("preseed/late_command", { layout: "raid1" }), {
      files: {
        ...UEFI,
        ...partitions,
        debconf: "partman-auto/disk=/dev/sda /dev/sdb\n",
        "proc/mounts": "/dev/md0 /target ext4 rw 0 0\n/dev/sda2 /target/boot/efi vfat rw 0 0\n",
        "target/etc/fstab":
          "UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2  /boot/efi       vfat    umask=0077      0       1\n",
        "target/boot/efi/EFI/debian/shimx64.efi": "shim",
        "target/boot/efi/EFI/debian/grubx64.efi": "grub",
      },
    });
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(ran.read("/ran")).toBe("mount -t vfat /dev/sdb2 /tmp/pxedge-efi\n");
    expect(ran.read("/tmp/pxedge-efi/EFI/debian/shimx64.efi")).toBe("shim");
    expect(ran.read("/efi")).toBe(
      "-q -c -d /dev/sdb -p 2 -L debian (sdb) -l \\EFI\\debian\\shimx64.efi\n" +
        "-q -o 0004,0001,0003,0002,0005\n-q -o 0001,0003,0004,0002,0005\n",
    );
    // A disk that is gone is no reason to stop at boot.
    expect(ran.read("/target/etc/fstab")).toContain(
      "/boot/efi       vfat    umask=0077,nofail      0       1\n",
    );
  });

  test("AutoYaST", () => {
    const ran = runScript(autoyastScript("init", { layout: "raid1" }), {
      files: {
        ...UEFI,
        "sys/class/block/sdb2/partition": "2\n",
        "boot/efi/EFI/boot/bootx64.efi": "shim",
        "boot/efi/EFI/opensuse/grubx64.efi": "grub",
        "boot/efi/EFI/opensuse/shim.efi": "shim",
      },
    });
    expect(ran).toMatchObject({ status: 0, said: ["installed: 6.1"] });
    expect(ran.read("/ran")).toBe("mount -t vfat /dev/sdb2 /tmp/pxedge-efi\n");
    expect(ran.read("/efi")).toBe(
      "-q -c -d /dev/sdb -p 2 -L system (sdb) -l \\EFI\\opensuse\\shim.efi\n" +
        "-q -o 0004,0001,0003,0002,0005\n-q -o 0001,0003,0004,0002,0005\n",
    );
  });
});

describe("the installed system's network", () => {
  const NETWORKS = [
    [
      "static",
      { staticAddress: "192.0.2.10/23", staticGateway: "192.0.2.1", nameServers: ["192.0.2.1", "192.0.2.2"] },
    ],
    ["a bond", { bondMacs: ["52:54:00:12:34:57", "52:54:00:12:34:56"] }],
    ["a VLAN", { vlan: 20 }],
    [
      "a static VLAN of a bond",
      { bondMacs: ["52:54:00:12:34:56", "52:54:00:12:34:57"], vlan: 20, staticAddress: "192.0.2.10/28" },
    ],
    ["by DHCP", {}],
  ] as const;

  test.skipIf(!hasDebconf).each(NETWORKS)("preseed: %s", (_, variables) => {
    const ran = FINISHERS["preseed/debian-12"]!(variables);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(ran.read("/target/etc/network/interfaces")).toMatchSnapshot("interfaces");
    expect(ran.read("/target/etc/resolv.conf")).toMatchSnapshot("resolv.conf");
  });

  test.each(NETWORKS)("kickstart: %s", (_, variables) => {
    expect(CHOOSERS["kickstart/enterprise-linux"]!(variables).read("/tmp/pxedge-network.ks")).toMatchSnapshot(
      "command",
    );
  });

  test.each(NETWORKS)("autoinstall: %s", (_, variables) => {
    const written = CHOOSERS["autoinstall/ubuntu"]!(variables).read("/autoinstall.yaml");
    expect(parse(written!).network).toMatchSnapshot("netplan");
  });

  test.each(NETWORKS)("AutoYaST: %s", (_, variables) => {
    const written = CHOOSERS["autoyast/opensuse-leap"]!(variables).read("/tmp/profile/modified.xml")!;
    expect(/<interfaces[^]*<\/interfaces>/.exec(written)![0]).toMatchSnapshot("interfaces");
  });

  test.each(NETWORKS)("CoreOS, by NetworkManager: %s", (_, variables) => {
    const ran = runScript(render("shell/coreos-first-boot", variables));
    expect(ran).toMatchObject({ status: 0, said: ["started: 6.1", "installed: 6.1"] });
    expect(ran.read("/ran")).toMatchSnapshot("commands");
  });

  test.each(NETWORKS)("Flatcar, by networkd: %s", (_, variables) => {
    const ran = runScript(render("shell/coreos-first-boot", variables), { without: ["nmcli"] });
    expect(ran).toMatchObject({ status: 0, said: ["started: 6.1", "installed: 6.1"] });
    const files = ["-bond.netdev", "-ports.network", ".network", "-vlan.netdev", "-vlan.network"].map(
      (suffix) => `== ${suffix}\n${ran.read(`/etc/systemd/network/10-pxedge${suffix}`) ?? "none\n"}`,
    );
    expect(files.join("")).toMatchSnapshot("files");
  });

  test("kickstart stops where a NIC of the bond is not there", () => {
    const ran = CHOOSERS["kickstart/enterprise-linux"]!({ bondMacs: ["52:54:00:00:00:01"] });
    expect(ran.status).toBe(1);
    expect(ran.said).toEqual(["failed: no NIC has the MAC 52:54:00:00:00:01"]);
  });
});

describe.skipIf(!hasDebconf)("preseed", () => {
  test("writes the name and the keys, and configures by ansible", () => {
    const ran = FINISHERS["preseed/debian-12"]!({
      domain: "example.org",
      userName: "ops",
      sshKeys: ["ssh-ed25519 AAAA it's me", "ssh-rsa BBBB $HOME"],
      ansiblePullUrl: "https://git.example.org/site.git",
    });
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(ran.read("/target/etc/hostname")).toBe("web-1\n");
    expect(ran.read("/target/etc/hosts")).toBe("127.0.0.1\tlocalhost\n127.0.1.1\tweb-1.example.org web-1\n");
    const keys = "ssh-ed25519 AAAA it's me\nssh-rsa BBBB $HOME\n";
    expect(ran.read("/target/root/.ssh/authorized_keys")).toBe(keys);
    expect(ran.read("/target/home/ops/.ssh/authorized_keys")).toBe(keys);
    expect(ran.read("/ran")).toBe(
      "usermod -aG sudo ops\nchown -R ops: /home/ops/.ssh\nansible-pull -U https://git.example.org/site.git\n",
    );
  });

  test("says that it started, and with the end of the log what failed", () => {
    const log = "Nov 21 main-menu[310]: WARNING **: Configuring 'partman-base' failed with error code 1\n";
    const command = preseedCommand("preseed/early_command", {});
    // The loop in the foreground, and its first wait over at once.
    const run = (syslog: string) =>
      runScript(`sleep() { [ -z "$waited" ] && waited=1; }; ${command.replace(/&$/, "")}`, {
        files: { "var/log/syslog": syslog },
      });
    expect(run(log).said).toEqual(["started: web-1", `failed: ${log.trim()}`]);
    // The command itself is logged as well.
    expect(run(`preseed: running preseed command preseed/early_command: ${command}\n`).said).toEqual([
      "started: web-1",
    ]);
  });
});

test("a CoreOS that could not be set up says so with what its script wrote", () => {
  const ran = runScript(render("shell/coreos-first-boot", { postScript: "echo no >&2; exit 3" }));
  expect(ran).toMatchObject({
    status: 1,
    said: ["started: 6.1", "failed: postScript failed with 3", "no"],
  });
  expect(runScript(render("shell/coreos-first-boot", {})).read("/efi")).toBe("-q -o 0001,0003,0004,0002\n");
});

test("Flatcar is written with the configuration of its first boot, from the relay's mirror", () => {
  const ran = runScript(render("shell/flatcar-install", { relayMirror: "flatcar" }));
  expect(ran.read("/ran")).toBe(
    "flatcar-install -d /dev/sda -i /tmp/pxedge-config.ign -b http://192.0.2.1:8080/mirror/flatcar\nsystemctl reboot\n",
  );
});

test("CoreOS is written with the configuration of its first boot; what fails is told with the end of the log", () => {
  const kernelArgs = ["console=ttyS0,115200n8"];
  const install = render("shell/coreos-install", { kernelArgs });
  expect(runScript(install).read("/ran")).toBe(
    "coreos-installer install /dev/sda --ignition-file /tmp/pxedge-config.ign --append-karg console=ttyS0,115200n8\nsystemctl reboot\n",
  );
  const failed = runScript(install, { files: { "no-space": "" } });
  expect(failed.said).toEqual([
    "started: /dev/sda, serial number AAA",
    "failed: coreos-installer failed with 1",
    "no space left",
  ]);
  expect(failed.read("/ran")).not.toContain("reboot");
});

describe("kickstart", () => {
  const TIME_SERVERS = { timezone: "Europe/Berlin", ntpServers: ["ntp1.example.org", "ntp2.example.org"] };
  test.each([
    [
      "8",
      "el8",
      TIME_SERVERS,
      "timezone Europe/Berlin --utc --ntpservers=ntp1.example.org,ntp2.example.org\n",
    ],
    ["8, its own servers", "el8", {}, "timezone Etc/UTC --utc\n"],
    [
      "9",
      "el9",
      TIME_SERVERS,
      "timezone Europe/Berlin --utc\ntimesource --ntp-server=ntp1.example.org\ntimesource --ntp-server=ntp2.example.org\n",
    ],
    ["9, its own servers", "el9", {}, "timezone Etc/UTC --utc\n"],
  ])("says the time servers as %s takes them", (_, platform, variables, commands) => {
    const ran = CHOOSERS["kickstart/enterprise-linux"]!(variables, {
      "etc/os-release": `NAME=x\nPLATFORM_ID="platform:${platform}"\n`,
    });
    expect(ran.read("/tmp/pxedge-time.ks")).toBe(commands);
  });

  test("configures by ansible when the system first starts", () => {
    const ran = FINISHERS["kickstart/enterprise-linux"]!({
      ansiblePullUrl: "https://git.example.org/site.git",
    });
    expect(ran.read("/etc/pxedge-ansible-pull")).toBe("URL=https://git.example.org/site.git\n");
    expect(ran.read("/ran")).toBe(
      "dnf -y install ansible-core git-core\nsystemctl enable pxedge-ansible-pull.service\n",
    );
  });

  test("what fails is told with the end of Anaconda's log", () => {
    const ran = runScript(kickstartSection("onerror", {}), { files: { "tmp/anaconda.log": "the end\n" } });
    expect(ran.said).toEqual(["failed: the end"]);
  });
});

test("autoinstall: what fails is told with the end of Subiquity's log", () => {
  const { autoinstall } = parse(render("autoinstall/ubuntu", {}));
  const files = { "var/log/installer/subiquity-server-debug.log": "the end\n" };
  expect(runScript(autoinstall["error-commands"].join("\n"), { files }).said).toEqual(["failed: the end"]);
});
