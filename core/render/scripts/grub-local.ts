import type { LocalBoot } from "../../boot/model.ts";
import { grubWord } from "./grub-text.ts";
import { FIRST_DRIVE } from "./local-boot.ts";

/**
 * The folders of EFI system partitions that systems boot from, the distributions'
 * own before the one that every removable disk has.
 */
const VENDOR_FOLDERS = [
  "debian",
  "ubuntu",
  "fedora",
  "redhat",
  "centos",
  "rocky",
  "almalinux",
  "opensuse",
  "sles",
  "proxmox",
];

/** `$pxedge_cpu`: x64, aa64. FAT knows no case. */
const LOADERS = [
  ...VENDOR_FOLDERS.map((folder) => `/EFI/${folder}/shim$pxedge_cpu.efi`),
  "/EFI/Microsoft/Boot/bootmgfw.efi",
  "/EFI/BOOT/BOOT$pxedge_cpu.EFI",
  ...VENDOR_FOLDERS.map((folder) => `/EFI/${folder}/grub$pxedge_cpu.efi`),
];

/**
 * Starts what is installed on the machine, and leaves GRUB where nothing is.
 *
 * EFI: GRUB cannot give the firmware its turn. `exit` ends a boot option in
 * success, which EDK2 takes as the end of booting, and opens its menu; only
 * newer GRUBs (2.12, and some distributions' before) heed the 1. So the loader
 * on the disk is chained: shim first, which Secure Boot verifies and other
 * machines start as well. GRUB takes the device from `root`, not from the
 * path, when it tells shim where it came from.
 *
 * `prefix` goes, since GRUB else fetches every file system driver it ever had
 * to look at a disk without one, each of which Secure Boot then refuses.
 */
export function grubLocalLines({ bios, efi }: LocalBoot = {}): readonly string[] {
  return [
    'if [ "$grub_platform" = "efi" ]; then',
    ...efiLines(efi),
    ...(bios === "exit" ? [] : ["else", ...biosLines(bios)]),
    "fi",
    "exit 1",
  ];
}

function efiLines(efi: LocalBoot["efi"]): readonly string[] {
  if (efi === "exit-success") return ["  exit"];
  const loaders = efi === undefined ? LOADERS : [grubWord("localBoot.efi.loader", efi.loader)];
  return [
    "  for pxedge_module in part_gpt part_msdos fat search search_fs_file chain; do",
    "    insmod $pxedge_module",
    "  done",
    "  unset prefix",
    "  set pxedge_cpu=x64",
    '  if [ "$grub_cpu" = "arm64" ]; then set pxedge_cpu=aa64; fi',
    '  if [ "$grub_cpu" = "i386" ]; then set pxedge_cpu=ia32; fi',
    `  for pxedge_loader in ${loaders.join(" ")}; do`,
    "    if search --no-floppy --set=root --file $pxedge_loader; then",
    "      if chainloader $pxedge_loader; then boot; fi",
    "    fi",
    "  done",
  ];
}

function biosLines(bios: Exclude<LocalBoot["bios"], "exit">): readonly string[] {
  const disk = bios === undefined ? 0 : bios.drive - FIRST_DRIVE;
  return ["  insmod chain", `  set root=(hd${disk})`, "  if chainloader +1; then boot; fi"];
}

/**
 * The config of a machine that shall boot its own disk: the safe default, and
 * the same bytes for every machine, known or not. It does not come back.
 *
 * @param message said before, a line each, each made by `grubEcho`
 * @param localBoot what the machine needs, where it is known for sure
 */
export function renderGrubLocal(message: readonly string[] = [], localBoot: LocalBoot = {}): string {
  return [...message, "echo 'pxedge: booting the local disk'", ...grubLocalLines(localBoot), ""].join("\n");
}
