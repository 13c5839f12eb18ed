import { expect, test } from "vitest";
import { recognise } from "../../../cli/iso/distributions.ts";

/** What of each medium's files tells it apart, beside some that others have too. */
const MEDIA: Readonly<Record<string, readonly string[]>> = {
  Ubuntu: [".disk/info", "casper/vmlinuz", "casper/initrd", "casper/hwe-vmlinuz", "dists/noble/Release"],
  "Debian Live": [
    "live/vmlinuz-6.1.0-18-amd64",
    "live/initrd.img-6.1.0-18-amd64",
    "live/filesystem.squashfs",
  ],
  Debian: [".disk/info", "install.amd/vmlinuz", "install.amd/initrd.gz", "dists/bookworm/Release"],
  CoreOS: ["images/pxeboot/vmlinuz", "images/pxeboot/initrd.img", "images/pxeboot/rootfs.img"],
  "Enterprise Linux or Fedora": [
    ".treeinfo",
    "images/pxeboot/vmlinuz",
    "images/pxeboot/initrd.img",
    "BaseOS/repodata/repomd.xml",
  ],
  "openSUSE or SUSE Linux Enterprise": ["boot/x86_64/loader/linux", "boot/x86_64/loader/initrd"],
  "Alpine Linux": ["boot/vmlinuz-lts", "boot/initramfs-lts", "boot/modloop-lts", "apks/.boot_repository"],
  Proxmox: ["boot/linux26", "boot/initrd.img", "pve-base.squashfs"],
  "Arch Linux": ["arch/boot/x86_64/vmlinuz-linux", "arch/boot/x86_64/initramfs-linux.img"],
  "VMware ESXi": ["efi/boot/bootx64.efi", "boot.cfg", "b.b00", "mboot.c32"],
};

test.each(Object.entries(MEDIA))("%s is known by its kernel and initrd", (system, paths) => {
  const found = recognise([...paths, "efi/boot/bootx64.efi", "boot/grub/grub.cfg", "md5sum.txt"])!;
  expect(found).toMatchObject({ system });
  for (const path of [found.kernel, ...found.initrds]) expect([...paths, "x"]).toContain(path);
  expect(found.args, "cloud-init does not look inside of quotes").not.toContain('"');
  // What the arguments name in the image's tree is there, or is the image itself.
  const known = found.needs.kind === "image" ? [...paths, found.needs.name] : paths;
  for (const [, path] of found.args.matchAll(/urls\.tree\}\}([^ ]+)/g)) {
    expect(known.some((each) => each.startsWith(path!))).toBe(true);
  }
});

test("Enterprise Linux's boot image, without packages, is a second stage only", () => {
  const found = recognise([".treeinfo", "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"])!;
  expect(found.args).toContain("inst.stage2={{urls.tree}}");
  expect(found.notes.join()).toContain("mirror");
});

test("arm64 media have other places", () => {
  expect(recognise(["install.a64/vmlinuz", "install.a64/initrd.gz"])).toMatchObject({ system: "Debian" });
  expect(recognise(["boot/aarch64/linux", "boot/aarch64/initrd"])).toMatchObject({
    kernel: "boot/aarch64/linux",
  });
});

test("half of what is needed is not enough, and an unknown tree is none", () => {
  expect(recognise(["casper/vmlinuz", "live/vmlinuz", "boot/linux26"])).toBeUndefined();
  expect(recognise([])).toBeUndefined();
});
