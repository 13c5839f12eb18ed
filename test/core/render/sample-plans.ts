import type { KernelPlan, MenuPlan } from "../../../core/boot/plan.ts";

/** Where and for whom GRUB's and PXELINUX's scripts are rendered. */
export const PLACE = { baseUrl: "http://192.168.77.1:8080", mac: "52:54:00:12:34:56" };

/** The grant of a whole image, as TFTP names hold it. */
export const GRANT = "/t/t85s00.k1.xzAB-cdEfGhIjKlMnOpQrw/debian-12/9f86d081884c7d659a2feaa0c55ad015";

/** An installer's kernel with two initrds, and arguments over two lines. */
export const KERNEL: KernelPlan = {
  kind: "kernel",
  kernelUrl: `${GRANT}/linux`,
  initrdUrls: [`${GRANT}/initrd.gz`, `${GRANT}/firmware.cpio.gz`],
  args: "auto=true priority=critical\n  url=http://192.168.77.1:8080/a/CAP/preseed.cfg --- quiet",
};

/** A menu with one item of each action, the first of which is called `installLabel`. */
export function sampleMenu(installLabel: string): MenuPlan {
  return {
    kind: "menu",
    title: "Berlin, it's rack 4",
    items: [
      { key: "install", label: installLabel, group: "Install", action: "ask" },
      { key: "disk", label: "Local disk", action: "local" },
      { key: "shell", label: "Shell", action: "shell" },
      { key: "leave", label: "Firmware", action: "exit" },
      { key: "again", label: "Reboot", action: "reboot" },
    ],
    defaultItem: "disk",
    timeoutSeconds: 30,
    token: "tok1",
  };
}
