/** How an installer finds the rest of itself. */
export type Needs =
  /** Every file of the image, below `urls.tree`. */
  | { readonly kind: "tree" }
  /** These files only. */
  | { readonly kind: "files"; readonly paths: readonly string[] }
  /** The image itself as one file of this name. */
  | { readonly kind: "image"; readonly name: string }
  /** The image itself inside of an initrd, as `/NAME` there. */
  | { readonly kind: "initrd"; readonly name: string };

/** What an ISO image of a known system is booted by. */
export type Distribution = {
  readonly system: string;
  readonly kernel: string;
  readonly initrds: readonly string[];
  readonly needs: Needs;
  /** Kernel arguments of a profile, with its placeholders. */
  readonly args: string;
  /** What else is to be known, a sentence each. */
  readonly notes: readonly string[];
};

/** Which files there are. */
export type Listing = {
  has(path: string): boolean;
  /** The first path that matches, in the order of their names. */
  find(pattern: RegExp): string | undefined;
};

type Recogniser = (files: Listing) => Distribution | undefined;

const TREE = { kind: "tree" } as const;

/** The more special ones come first: several look like Anaconda. */
const RECOGNISERS: readonly Recogniser[] = [
  recogniseUbuntu,
  recogniseDebianLive,
  recogniseDebian,
  recogniseCoreOs,
  recogniseAnaconda,
  recogniseSuse,
  recogniseAlpine,
  recogniseProxmox,
  recogniseArch,
  recogniseEsxi,
];

/** What a tree of files is, by the places where kernel and initrd are; `undefined` for an unknown one. */
export function recognise(paths: Iterable<string>): Distribution | undefined {
  const sorted = [...paths].sort();
  const known = new Set(sorted);
  const files: Listing = {
    has: (path) => known.has(path),
    find: (pattern) => sorted.find((path) => pattern.test(path)),
  };
  for (const recogniser of RECOGNISERS) {
    const found = recogniser(files);
    if (found !== undefined) return found;
  }
  return undefined;
}

function recogniseUbuntu(files: Listing): Distribution | undefined {
  const kernel = files.find(/^casper\/(?:hwe-)?vmlinuz$/);
  const initrd = files.find(/^casper\/(?:hwe-)?initrd(?:\.[a-z0-9]+)?$/);
  if (kernel === undefined || initrd === undefined) return undefined;
  return {
    system: "Ubuntu",
    kernel,
    initrds: [initrd],
    needs: { kind: "image", name: "ubuntu.iso" },
    // Without quotes: cloud-init does not look inside them.
    args: "ip=dhcp url={{urls.tree}}ubuntu.iso autoinstall ds=nocloud-net;s={{urls.answers}}",
    notes: ["The installer loads the whole ISO into memory: give machines 4 GiB more than the ISO's size."],
  };
}

function recogniseDebianLive(files: Listing): Distribution | undefined {
  const kernel = files.find(/^live\/vmlinuz[^/]*$/);
  const initrd = files.find(/^live\/initrd[^/]*$/);
  const root = files.find(/^live\/[^/]+\.squashfs$/);
  if (kernel === undefined || initrd === undefined || root === undefined) return undefined;
  return {
    system: "Debian Live",
    kernel,
    initrds: [initrd],
    needs: { kind: "files", paths: [root] },
    args: `boot=live components fetch={{urls.tree}}${root}`,
    notes: [],
  };
}

function recogniseDebian(files: Listing): Distribution | undefined {
  const kernel = files.find(/^install\.[a-z0-9]+\/vmlinuz$/);
  if (kernel === undefined) return undefined;
  const initrd = kernel.replace(/vmlinuz$/, "initrd.gz");
  if (!files.has(initrd)) return undefined;
  return {
    system: "Debian",
    kernel,
    initrds: [initrd],
    needs: TREE,
    args: "auto=true priority=critical preseed/url={{urls.answers}}preseed.cfg",
    notes: [
      "This installer looks for its packages on a CD and stops where there is none. To install over the network " +
        "take the netboot one, `linux` and `initrd.gz` of Debian's package debian-installer-13-netboot-amd64 (or -12-), " +
        "by --kernel and --initrd instead of --iso.",
    ],
  };
}

function recogniseCoreOs(files: Listing): Distribution | undefined {
  const root = "images/pxeboot/rootfs.img";
  if (!files.has(root) || !files.has("images/pxeboot/vmlinuz")) return undefined;
  return {
    system: "CoreOS",
    kernel: "images/pxeboot/vmlinuz",
    initrds: ["images/pxeboot/initrd.img"],
    needs: { kind: "files", paths: [root] },
    args:
      `coreos.live.rootfs_url={{urls.tree}}${root} ` +
      "ignition.firstboot ignition.platform.id=metal ignition.config.url={{urls.answers}}installer.ign",
    notes: [],
  };
}

function recogniseAnaconda(files: Listing): Distribution | undefined {
  const [kernel, initrd] = ["images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"];
  if (!files.has(kernel) || !files.has(initrd)) return undefined;
  const hasPackages = files.find(/(?:^|\/)repodata\/repomd\.xml$/) !== undefined;
  const where = hasPackages ? "inst.repo" : "inst.stage2";
  return {
    system: "Enterprise Linux or Fedora",
    kernel,
    initrds: [initrd],
    needs: TREE,
    args: `${where}={{urls.tree}} inst.ks={{urls.answers}}ks.cfg`,
    notes: hasPackages
      ? []
      : ["It holds the installer without packages: the kickstart must name a mirror, by `url` or `repo`."],
  };
}

function recogniseSuse(files: Listing): Distribution | undefined {
  const kernel = files.find(/^boot\/(?:[a-z0-9_]+\/loader|aarch64)\/linux$/);
  if (kernel === undefined) return undefined;
  const initrd = kernel.replace(/linux$/, "initrd");
  if (!files.has(initrd)) return undefined;
  return {
    system: "openSUSE or SUSE Linux Enterprise",
    kernel,
    initrds: [initrd],
    needs: TREE,
    args: "install={{urls.tree}} autoyast={{urls.answers}}autoinst.xml",
    notes: [],
  };
}

function recogniseAlpine(files: Listing): Distribution | undefined {
  const kernel = files.find(/^boot\/vmlinuz-[a-z]+$/);
  if (kernel === undefined) return undefined;
  const flavour = kernel.slice("boot/vmlinuz-".length);
  const initrd = `boot/initramfs-${flavour}`;
  const modules = `boot/modloop-${flavour}`;
  if (!files.has(initrd) || !files.has(modules)) return undefined;
  return {
    system: "Alpine Linux",
    kernel,
    initrds: [initrd],
    needs: TREE,
    args: `ip=dhcp modloop={{urls.tree}}${modules} alpine_repo={{urls.tree}}apks`,
    notes: [],
  };
}

function recogniseProxmox(files: Listing): Distribution | undefined {
  const kernel = "boot/linux26";
  const initrd = "boot/initrd.img";
  if (!files.has(kernel) || !files.has(initrd)) return undefined;
  return {
    system: "Proxmox",
    kernel,
    initrds: [initrd],
    needs: { kind: "initrd", name: "proxmox.iso" },
    args: "ramdisk_size=16777216 rw quiet splash=silent proxmox-start-auto-installer",
    notes: [
      "The installer looks for the ISO inside of its initrd, where it is put: machines need 4 GiB more than its size.",
      "To install unattended prepare the ISO first, by `proxmox-auto-install-assistant prepare-iso`: docs/templates/proxmox.md.",
    ],
  };
}

function recogniseArch(files: Listing): Distribution | undefined {
  const kernel = files.find(/^arch\/boot\/[a-z0-9_]+\/vmlinuz-linux$/);
  const initrd = files.find(/^arch\/boot\/[a-z0-9_]+\/initramfs-linux\.img$/);
  if (kernel === undefined || initrd === undefined) return undefined;
  return {
    system: "Arch Linux",
    kernel,
    initrds: [initrd],
    needs: TREE,
    args: "archisobasedir=arch archiso_http_srv={{urls.tree}} ip=dhcp",
    notes: [],
  };
}

function recogniseEsxi(files: Listing): Distribution | undefined {
  const kernel = "efi/boot/bootx64.efi";
  if (!files.has(kernel) || !files.has("boot.cfg") || files.find(/^b\.b00$/) === undefined) return undefined;
  return {
    system: "VMware ESXi",
    kernel,
    initrds: [],
    needs: TREE,
    args: "-c {{urls.answers}}boot.cfg",
    notes: [
      "An answer file boot.cfg is needed: the image's own, its modules without `/`, with prefix={{urls.tree}} and kernelopt=ks={{urls.answers}}ks.cfg.",
    ],
  };
}
