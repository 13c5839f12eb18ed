import {
  bytesOption,
  type DhcpOption,
  encodeSubOptions,
  getOption,
  OPTION,
  type OptionHolder,
  textOption,
} from "../dhcp-packet/index.ts";
import type { BootClient } from "./boot-client.ts";
import { noProxyDhcpOption } from "./ipxe.ts";

/** Options encapsulated in 43 under `PXEClient` (PXE 2.1, table 2-1). */
export const PXE_SUB_OPTION = {
  DISCOVERY_CONTROL: 6,
  DISCOVERY_MULTICAST_ADDRESS: 7,
  BOOT_SERVERS: 8,
  BOOT_MENU: 9,
  MENU_PROMPT: 10,
  BOOT_ITEM: 71,
} as const;

/** Bit 3 of the discovery control: load the boot file of this reply, discover no boot server. */
export const USE_THIS_BOOT_FILE = 8;

/** Bits 0 and 1 of the discovery control: neither broadcast nor multicast for a boot server. */
const NO_DISCOVERY = 3;

/**
 * The options of a server's OFFER or ACK that only a boot client understands,
 * to be sent whether asked for or not:
 * - 97 as it came
 * - to a BIOS ROM 60 and 43, without which some wait for a boot server
 * - to HTTP boot 60, which it demands
 * - to iPXE 175, lest it wait for a proxyDHCP server
 *
 * 60 never goes without 43: firmware that sees `PXEClient` alone takes the
 * offer for BINL, ignores its boot file and asks on port 4011 (EDK2's
 * PxeBcParseDhcp4Packet). UEFI's PXE client gets neither, and so takes the
 * boot file from a plain DHCP offer. Nothing is added for an operating system.
 */
export function pxeVendorOptions(request: OptionHolder, client: BootClient): DhcpOption[] {
  if (client.kind === "other") return [];
  return [...echoedMachineIdentifier(request), ...optionsFor(client)];
}

function optionsFor(client: Exclude<BootClient, { readonly kind: "other" }>): DhcpOption[] {
  if (client.kind === "ipxe") return [noProxyDhcpOption()];
  if (client.kind === "http") return bootOptions("HTTPClient");
  if (client.firmware === "raspberry-pi") return raspberryPiOptions();
  return client.firmware === "bios" ? bootOptions("PXEClient") : [];
}

/**
 * A Raspberry Pi's boot ROM looks for these words in the boot menu of 43, and
 * then loads from siaddr what it loads.
 */
export function raspberryPiMenu(): DhcpOption[] {
  const words = textOption(0, "Raspberry Pi Boot").data;
  const prompt = textOption(0, "PXE").data;
  return [
    bytesOption(PXE_SUB_OPTION.DISCOVERY_CONTROL, Uint8Array.of(NO_DISCOVERY)),
    // Waits for no key.
    bytesOption(PXE_SUB_OPTION.MENU_PROMPT, Uint8Array.of(0, ...prompt)),
    // Type 0: boot by itself.
    bytesOption(PXE_SUB_OPTION.BOOT_MENU, Uint8Array.of(0, 0, words.length, ...words)),
  ];
}

function raspberryPiOptions(): DhcpOption[] {
  return [
    textOption(OPTION.VENDOR_CLASS_IDENTIFIER, "PXEClient"),
    bytesOption(OPTION.VENDOR_SPECIFIC_INFORMATION, encodeSubOptions(raspberryPiMenu(), { end: true })),
  ];
}

/** Option 97 as it came; echoed even if malformed: a client that looks at it compares bytes. */
export function echoedMachineIdentifier(request: OptionHolder): DhcpOption[] {
  const code = OPTION.CLIENT_MACHINE_IDENTIFIER;
  const data = getOption(request, code);
  return data === undefined ? [] : [bytesOption(code, data)];
}

function bootOptions(vendorClass: "PXEClient" | "HTTPClient"): DhcpOption[] {
  const control = bytesOption(PXE_SUB_OPTION.DISCOVERY_CONTROL, Uint8Array.of(USE_THIS_BOOT_FILE));
  return [
    textOption(OPTION.VENDOR_CLASS_IDENTIFIER, vendorClass),
    bytesOption(OPTION.VENDOR_SPECIFIC_INFORMATION, encodeSubOptions([control], { end: true })),
  ];
}
