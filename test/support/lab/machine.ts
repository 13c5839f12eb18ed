import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Child, ExitStatus } from "./child.ts";
import { waitFor } from "./wait.ts";
import type { Lab } from "./network.ts";

export const FIRMWARES = ["bios", "efi-x86_64", "efi-x86_64-secure-boot", "efi-arm64"] as const;
export type MachineFirmware = (typeof FIRMWARES)[number];

export type MachineOptions = {
  readonly firmware: MachineFirmware;
  /** With colons, e.g. `52:54:00:00:00:01`. */
  readonly mac: string;
  /** Where its consoles and UEFI variables are kept; made when it is not there. */
  readonly directory: string;
  /** Raw disk images in boot order, all after the network: `/dev/vda`, `/dev/vdb`, … */
  readonly disks?: readonly string[];
  readonly memoryMb?: number;
  readonly uuid?: string;
  readonly serialNumber?: string;
  /** Appended to QEMU's command line, e.g. `-fw_cfg` settings. */
  readonly qemuArguments?: readonly string[];
};

/**
 * A virtual machine that boots from the network first and from its disks
 * second. A restart asked for by the guest ends it, so that a test sees each
 * boot; disks and UEFI variables stay from one power-on to the next.
 */
export type Machine = {
  /** Switches it on (again), on a new console. */
  readonly powerOn: () => Promise<void>;
  /** Pulls the plug. */
  readonly powerOff: () => Promise<void>;
  /** Plugs the network cable in or pulls it; the firmware sees the link change. */
  readonly setLink: (state: "on" | "off") => Promise<void>;
  /** The serial console since the last power-on, without terminal control sequences. */
  readonly consoleText: () => string;
  /** Waits until the console shows `pattern`; rejects with the console's end when it does not. */
  readonly waitForConsole: (pattern: RegExp | string, timeoutMs: number) => Promise<void>;
  /** Waits until the guest restarted or switched itself off. */
  readonly waitForExit: (timeoutMs: number) => Promise<ExitStatus>;
};

/** The network card, by QEMU's name for it. */
const NIC = "nic";
const MONITOR_TIMEOUT_MS = 10_000;
/** Enough of the console to see where a boot went wrong. */
const CONSOLE_TAIL_CHARACTERS = 3_000;

const FIRMWARE: Record<MachineFirmware, { qemu: readonly string[]; code?: string; vars?: string }> = {
  // No graphics: SeaBIOS then puts its text screen, and thereby iPXE's, on the serial port.
  bios: { qemu: ["qemu-system-x86_64", "-machine", "pc,graphics=off", "-cpu", "max"] },
  "efi-x86_64": {
    qemu: ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
    code: "/usr/share/OVMF/OVMF_CODE_4M.fd",
    vars: "/usr/share/OVMF/OVMF_VARS_4M.fd",
  },
  // With Microsoft's keys, and variables that only firmware in system management mode writes.
  "efi-x86_64-secure-boot": {
    qemu: [
      ...["qemu-system-x86_64", "-machine", "q35,smm=on", "-cpu", "max"],
      ...["-global", "driver=cfi.pflash01,property=secure,value=on"],
    ],
    code: "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    vars: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
  },
  "efi-arm64": {
    qemu: ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"],
    code: "/usr/share/AAVMF/AAVMF_CODE.fd",
    vars: "/usr/share/AAVMF/AAVMF_VARS.fd",
  },
};

/**
 * Puts a machine on the lab's LAN and switches it on.
 *
 * @throws when QEMU cannot be started.
 */
export async function startMachine(lab: Lab, options: MachineOptions): Promise<Machine> {
  mkdirSync(options.directory, { recursive: true });
  const [command, ...qemuArguments] = machineArguments(options, await lab.addTap());
  const monitorSocket = join(options.directory, "monitor.sock");
  let boots = 0;
  let consoleFile = "";
  let qemu: Child | undefined;

  const consoleText = () => (existsSync(consoleFile) ? plainText(readFileSync(consoleFile, "latin1")) : "");
  const withConsole = (what: string) =>
    `${options.firmware} ${options.mac}: ${what}; ${qemu?.output() ?? ""}\n` +
    `--- end of console ---\n${consoleText().slice(-CONSOLE_TAIL_CHARACTERS)}\n---`;
  const hasEnded = () => qemu?.process.exitCode !== null || qemu.process.signalCode !== null;

  const powerOff = async () => {
    // QEMU is given no time: this is a power cut.
    qemu?.process.kill("SIGKILL");
    await qemu?.exited;
  };
  const powerOn = async () => {
    await powerOff();
    boots += 1;
    consoleFile = join(options.directory, `console-${boots}.log`);
    qemu = await lab.spawn(command!, [
      ...qemuArguments,
      "-serial",
      `file:${consoleFile}`,
      "-monitor",
      `unix:${monitorSocket},server=on,wait=off`,
    ]);
  };

  await powerOn();
  return {
    powerOn,
    powerOff,
    setLink: (state) => sendToMonitor(monitorSocket, `set_link ${NIC} ${state}`),
    consoleText,
    waitForConsole: async (pattern, timeoutMs) => {
      await waitFor(
        () => {
          // Ended first, read after: what it wrote last is in the text.
          const isLast = hasEnded();
          const text = consoleText();
          if (typeof pattern === "string" ? text.includes(pattern) : pattern.test(text)) return true;
          if (isLast) throw new Error(withConsole(`ended before its console showed ${pattern}`));
          return false;
        },
        timeoutMs,
        () => withConsole(`console does not show ${pattern}`),
      );
    },
    waitForExit: async (timeoutMs) => {
      await waitFor(hasEnded, timeoutMs, () => withConsole("does not end"));
      return qemu!.exited;
    },
  };
}

function machineArguments(options: MachineOptions, tap: string): readonly string[] {
  const { qemu, code, vars } = FIRMWARE[options.firmware];
  const args = [...qemu, "-accel", "tcg", "-smp", "1", "-m", String(options.memoryMb ?? 512)];
  args.push("-display", "none", "-no-reboot", "-nodefaults", "-no-user-config");
  if (code !== undefined && vars !== undefined) {
    const ownVars = join(options.directory, "uefi-vars.fd");
    if (!existsSync(ownVars)) copyFileSync(vars, ownVars);
    args.push("-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${code}`);
    args.push("-drive", `if=pflash,format=raw,unit=1,file=${ownVars}`);
  }
  args.push("-netdev", `tap,id=lan,ifname=${tap},script=no,downscript=no`);
  if (code !== undefined) {
    // The lab is IPv4 only: the firmware need not wait for routers that never answer.
    args.push("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n");
  }
  // Without the empty romfile a UEFI machine's NIC would bring QEMU's iPXE along
  // and the firmware's own PXE stack would never be seen.
  const rom = options.firmware === "bios" ? "" : ",romfile=";
  args.push("-device", `virtio-net-pci,netdev=lan,id=${NIC},mac=${options.mac},bootindex=0${rom}`);
  for (const [index, disk] of (options.disks ?? []).entries()) {
    args.push("-drive", `if=none,id=disk${index},format=raw,file=${disk}`);
    args.push("-device", `virtio-blk-pci,drive=disk${index},bootindex=${index + 1}`);
  }
  if (options.uuid !== undefined) args.push("-uuid", options.uuid);
  if (options.serialNumber !== undefined) args.push("-smbios", `type=1,serial=${options.serialNumber}`);
  return [...args, ...(options.qemuArguments ?? [])];
}

/** One command to QEMU's monitor; done when its prompt is back. @throws when QEMU does not answer. */
async function sendToMonitor(socketPath: string, command: string): Promise<void> {
  const socket = connect(socketPath);
  try {
    let text = "";
    let failure: Error | undefined;
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.on("error", (error) => (failure = error));
    const prompts = (count: number) => () => {
      if (failure !== undefined) throw failure;
      return text.split("(qemu) ").length > count;
    };
    const describe = () => `QEMU's monitor does not answer to "${command}": ${text}`;
    await waitFor(prompts(1), MONITOR_TIMEOUT_MS, describe);
    socket.write(`${command}\n`);
    await waitFor(prompts(2), MONITOR_TIMEOUT_MS, describe);
  } finally {
    socket.destroy();
  }
}

/** Drops what moves a cursor or colours text; firmware writes much of it. */
function plainText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control sequences are what it is about
  return text.replace(/\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][0-9A-Z]|[\x00\x0e\x0f]/g, "");
}
