import type { VariableDeclaration } from "../../core/render/variables.ts";
import { findTemplate, templateText } from "./library.ts";

/** What installs a system, and the templates that it takes. */
const SYSTEMS: Readonly<Record<string, readonly string[]>> = {
  Debian: ["preseed/debian-12"],
  "Enterprise Linux, Fedora": ["kickstart/enterprise-linux"],
  Ubuntu: ["autoinstall/ubuntu"],
  "openSUSE, SLES": ["autoyast/opensuse-leap"],
  CoreOS: ["shell/coreos-install", "ignition/coreos", "shell/coreos-first-boot"],
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
  /** Any of these variables is the feature; where there is none, it is the callback. */
  readonly variables: readonly string[];
  readonly callback?: string;
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
  ...["started", "progress", "installed", "failed"].map((callback) => ({
    title: `says \`${callback}\``,
    variables: [],
    callback,
  })),
];

/** Rows of cells, the first one the header: which of the library's templates has what. */
export function featureRows(): string[][] {
  const systems = Object.entries(SYSTEMS).map(([name, paths]) => ({
    name,
    declared: Object.assign({}, ...paths.map((path) => findTemplate(path).variables)),
    text: paths.map(templateText).join(""),
  }));
  return [
    ["", "variables", ...systems.map(({ name }) => name)],
    ...FEATURES.map((feature) => {
      const cells = systems.map(({ declared, text }) =>
        (feature.callback === undefined ? hasFeature(declared, feature) : callsBack(text, feature.callback))
          ? "yes"
          : "",
      );
      return [feature.title, feature.variables.map((name) => `\`${name}\``).join(", "), ...cells];
    }),
  ];
}

/** As `{{urls.events}}started`, or by the script's own `report started`. */
function callsBack(text: string, callback: string): boolean {
  return new RegExp(`(?:report |\\{\\{urls\\.events\\}\\})${callback}\\b`).test(text);
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
