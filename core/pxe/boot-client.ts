import { decodeUserClass, type DhcpPacket, getOption, getText, OPTION } from "../dhcp-packet/index.ts";
import type { FirmwareClass } from "../relay-protocol/state.ts";
import { CLIENT_ARCH, firmwareOf } from "./client-arch.ts";
import { readClientUuid } from "./client-uuid.ts";
import { type IpxeBuild, readIpxeBuild } from "./ipxe.ts";

/** What a request says of its sender, whoever that is; for people and events. */
type ClientDescription = {
  /** Option 93, or what 60 says of it; `null` if neither does. */
  readonly arch: number | null;
  /** Option 60, e.g. `PXEClient:Arch:00007:UNDI:003016`. */
  readonly vendorClass: string | null;
  /** Option 77. */
  readonly userClass: readonly string[];
  /** Option 97 as `dmidecode` prints it. */
  readonly uuid: string | null;
};

/** `null`: an architecture that has no boot files here, or one that was not told. */
type KnownFirmware = { readonly firmware: FirmwareClass | null };

/**
 * Who is speaking DHCP on a machine's behalf:
 * - `ipxe`: wants a script, never a binary again, else it loads itself for ever
 * - `pxe`: a PXE ROM or UEFI's PXE client; wants a file by TFTP
 * - `http`: UEFI's HTTP boot client; wants an absolute URL
 * - `other`: no boot client, so most likely an operating system
 */
export type BootClient = ClientDescription &
  (
    | ({ readonly kind: "ipxe" } & KnownFirmware & IpxeBuild)
    | ({ readonly kind: "pxe" } & KnownFirmware)
    | ({ readonly kind: "http" } & KnownFirmware)
    | { readonly kind: "other" }
  );

/** Tells who sent a request; never throws, whatever the options hold. */
export function classifyClient(request: DhcpPacket): BootClient {
  const vendorClass = getText(request, OPTION.VENDOR_CLASS_IDENTIFIER) ?? null;
  const userClassData = getOption(request, OPTION.USER_CLASS);
  const userClass = userClassData === undefined ? [] : decodeUserClass(userClassData);
  const arch = readArch(request, vendorClass);
  const firmware = arch === null ? null : (firmwareOf(arch)?.firmware ?? null);
  const described = { arch, vendorClass, userClass };

  // First, as iPXE calls itself a PXEClient in 60 too.
  if (userClass.includes("iPXE") || getOption(request, OPTION.ETHERBOOT) !== undefined) {
    const uuid = readClientUuid(request, "network");
    return { kind: "ipxe", firmware, ...readIpxeBuild(request), ...described, uuid };
  }
  const uuid = readClientUuid(request, "smbios");
  if (vendorClass?.startsWith("PXEClient")) return { kind: "pxe", firmware, ...described, uuid };
  if (vendorClass?.startsWith("HTTPClient")) return { kind: "http", firmware, ...described, uuid };
  return { kind: "other", ...described, uuid };
}

/** Of several architectures in 93 (RFC 4578 section 2.1), the first with boot files here. */
function readArch(request: DhcpPacket, vendorClass: string | null): number | null {
  const offered = decodeArchs(getOption(request, OPTION.CLIENT_SYSTEM_ARCHITECTURE));
  const arch = offered.find((value) => firmwareOf(value) !== undefined) ?? offered[0];
  if (arch !== undefined) {
    return arch === CLIENT_ARCH.BIOS && isRaspberryPi(request.chaddr) ? CLIENT_ARCH.RASPBERRY_PI : arch;
  }
  const told = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass ?? "")?.[1];
  return told === undefined ? null : Number(told);
}

function decodeArchs(data: Uint8Array | undefined): number[] {
  if (data === undefined || data.length % 2 !== 0) return [];
  return Array.from({ length: data.length / 2 }, (_, i) => data[2 * i]! * 256 + data[2 * i + 1]!);
}

/** Address blocks of the Raspberry Pi's makers. */
const RASPBERRY_PI_OUIS: ReadonlySet<number> = new Set([
  0x28cdc1, 0x2ccf67, 0x88a29e, 0xb827eb, 0xd83add, 0xdca632, 0xe45f01,
]);

/** A Pi's boot ROM says 0, x86 BIOS, of itself; its network card tells the truth. */
function isRaspberryPi(chaddr: Uint8Array): boolean {
  const [a = 0, b = 0, c = 0] = chaddr;
  return RASPBERRY_PI_OUIS.has(a * 65536 + b * 256 + c);
}
