import { expect, test } from "vitest";
import { loaderOfFile } from "../../../core/pxe/loader-file.ts";

test.each([
  // In the order in which PXELINUX 6.04 was seen to ask, then below a folder of its own.
  ["pxelinux.cfg/ddccbbaa-1100-3322-4455-66778899aabb", "pxelinux"],
  ["pxelinux.cfg/01-52-54-00-aa-bb-01", "pxelinux"],
  ["pxelinux.cfg/C0A84D62", "pxelinux"],
  ["pxelinux.cfg/C0A84D6", "pxelinux"],
  ["pxelinux.cfg/C", "pxelinux"],
  ["pxelinux.cfg/default", "pxelinux"],
  ["debian-installer/amd64/pxelinux.cfg/default", "pxelinux"],
  // What distributions' GRUBs are built to look for.
  ["grub/grub.cfg", "grub"],
  ["debian-installer/amd64/grub/grub.cfg", "grub"],
  ["debian-installer/arm64/grub/grub.cfg", "grub"],
  ["grub/x86_64-efi/grub.cfg", "grub"],
  ["EFI/debian/grub.cfg", "grub"],
  ["EFI/BOOT/grub.cfg", "grub"],
  ["grub.cfg", "grub"],
  ["EFI/redhat/grub.cfg-01-52-54-00-aa-bb-01", "grub"],
  ["grub/grub.cfg-C0A84D0A", "grub"],
  ["grub/grub.cfg-C0", "grub"],
  ["autoexec.ipxe", "ipxe"],
  ["sub/autoexec.ipxe", "ipxe"],
  ["pxelinux.cfg/menu.cfg", undefined],
  ["pxelinux.cfg", undefined],
  ["pxelinux.cfg/C0A84D620", undefined],
  ["pxelinux.cfg/01-52-54-00-aa-bb", undefined],
  ["default", undefined],
  ["grub/grub.cfg-", undefined],
  ["grub/grub.cfg.bak", undefined],
  ["grub/x86_64-efi/http.mod", undefined],
  ["xautoexec.ipxe", undefined],
  ["pxelinux.0", undefined],
])("%s: %s", (name, loader) => {
  expect(loaderOfFile(name.split("/"))).toBe(loader);
});
