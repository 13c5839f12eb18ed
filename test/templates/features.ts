import type { VariableDeclaration } from "../../core/render/variables.ts";
import { findTemplate } from "./library.ts";

/** What installs a system, and the templates that it takes. */
const SYSTEMS: Readonly<Record<string, readonly string[]>> = {
  Debian: ["preseed/debian-12"],
  "Enterprise Linux, Fedora": ["kickstart/enterprise-linux"],
  Ubuntu: ["autoinstall/ubuntu"],
  "openSUSE, SLES": ["autoyast/opensuse-leap"],
  CoreOS: ["ignition/coreos", "shell/coreos-first-boot"],
  Flatcar: ["shell/flatcar-install", "ignition/coreos", "shell/coreos-first-boot"],
  "Proxmox VE": ["toml/proxmox-ve"],
  Windows: ["unattend/windows-server"],
  ESXi: ["kickstart/esxi", "kernel-args/esxi-boot-cfg"],
  Alpine: ["shell/alpine-setup"],
  NixOS: ["shell/nixos-install"],
  Talos: ["cloud-config/talos-worker"],
  "Disk image": ["shell/disk-image"],
};

type Feature = {
  readonly title: string;
  /** Any of these variables is the feature. */
  readonly variables: readonly string[];
  /** The value that the variable must be able to have. */
  readonly value?: string;
};

const FEATURES: readonly Feature[] = [
  { title: "the disk by its path or number", variables: ["disk", "diskId"] },
  { title: "the first disk by size", variables: ["diskSize"] },
  { title: "a guard: the disk's serial number", variables: ["diskSerial"] },
  { title: "LVM", variables: ["layout"], value: "lvm" },
  { title: "RAID 1", variables: ["layout"], value: "raid1" },
  { title: "a ZFS mirror", variables: ["zfsDisks"] },
  { title: "a fixed address", variables: ["staticAddress"] },
  { title: "a bond", variables: ["bondMacs"] },
  { title: "a VLAN", variables: ["vlan"] },
  { title: "a user beside root", variables: ["userName"] },
  { title: "SSH keys", variables: ["sshKeys"] },
  { title: "more packages", variables: ["packages"] },
  { title: "a proxy", variables: ["proxy"] },
  { title: "packages by a mirror of the relay", variables: ["relayMirror", "relayRepositories"] },
  { title: "a script at the end", variables: ["postScript", "firstBootScript", "firstCommands"] },
  { title: "a program at the end", variables: ["postAnswer"] },
  { title: "ansible-pull", variables: ["ansiblePullUrl"] },
  { title: "network boot stays first", variables: ["networkBootFirst"] },
];

/** Rows of cells, the first one the header: which of the library's templates has what. */
export function featureRows(): string[][] {
  const systems = Object.entries(SYSTEMS).map(([name, paths]) => ({
    name,
    declared: Object.assign({}, ...paths.map((path) => findTemplate(path).variables)),
  }));
  return [
    ["", "variables", ...systems.map(({ name }) => name)],
    ...FEATURES.map((feature) => {
      const cells = systems.map(({ declared }) => (hasFeature(declared, feature) ? "yes" : ""));
      return [feature.title, feature.variables.map((name) => `\`${name}\``).join(", "), ...cells];
    }),
  ];
}

function hasFeature(
  declared: Readonly<Record<string, VariableDeclaration>>,
  { variables, value }: Feature,
): boolean {
  return variables.some((name) => {
    const declaration = declared[name];
    return declaration !== undefined && (value === undefined || declaration.enum?.includes(value) === true);
  });
}
