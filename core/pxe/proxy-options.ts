import {
  bytesOption,
  decodeSubOptions,
  type DhcpOption,
  encodeSubOptions,
  getOption,
  OPTION,
  type OptionHolder,
  textOption,
} from "../dhcp-packet/index.ts";
import type { BootClient } from "./boot-client.ts";
import {
  echoedMachineIdentifier,
  PXE_SUB_OPTION,
  raspberryPiMenu,
  USE_THIS_BOOT_FILE,
} from "./vendor-options.ts";

/**
 * The vendor options of a proxyDHCP server's OFFER: always 60, by which a
 * client knows it, 97 as it came, and
 * - to BIOS ROMs and iPXE a 43 that says to load this reply's boot file
 * - to UEFI's PXE client no 43: much firmware ignores a proxy that lets it skip
 *   the boot server, and all takes a missing 43 for BINL and asks on 4011
 *   (EDK2's PxeBcParseDhcp4Packet: PxeOfferTypeProxyBinl)
 */
export function proxyOfferOptions(request: OptionHolder, client: BootClient): DhcpOption[] {
  return vendorOptions(request, client, client.kind === "http" ? [] : goAhead(client));
}

/**
 * The vendor options of the boot server's ACK on port 4011. The boot item that
 * the client chose (71) goes back: firmware drops an answer to another item.
 */
export function bootServerOptions(request: OptionHolder, client: BootClient): DhcpOption[] {
  const asked = getOption(request, OPTION.VENDOR_SPECIFIC_INFORMATION);
  const items = (asked && decodeSubOptions(asked, { end: true })) ?? [];
  const item = items.find(({ code }) => code === PXE_SUB_OPTION.BOOT_ITEM);
  return vendorOptions(request, client, [...goAhead(client), ...(item === undefined ? [] : [item])]);
}

function vendorOptions(
  request: OptionHolder,
  client: BootClient,
  subOptions: readonly DhcpOption[],
): DhcpOption[] {
  return [
    textOption(OPTION.VENDOR_CLASS_IDENTIFIER, client.kind === "http" ? "HTTPClient" : "PXEClient"),
    ...(subOptions.length === 0
      ? []
      : [bytesOption(OPTION.VENDOR_SPECIFIC_INFORMATION, encodeSubOptions(subOptions, { end: true }))]),
    ...echoedMachineIdentifier(request),
  ];
}

/** What makes a client load this reply's boot file: nothing for UEFI's PXE client. */
function goAhead(client: BootClient): DhcpOption[] {
  if (client.kind === "pxe" && client.firmware === "raspberry-pi") return raspberryPiMenu();
  if (client.kind === "pxe" && client.firmware !== "bios") return [];
  return [bytesOption(PXE_SUB_OPTION.DISCOVERY_CONTROL, Uint8Array.of(USE_THIS_BOOT_FILE))];
}
