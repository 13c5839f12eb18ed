import { describe, expect, test } from "vitest";
import {
  bytesOption,
  decode,
  decodeSubOptions,
  encodeSubOptions,
  type DhcpOption,
  OPTION,
  textOption,
  u16Option,
} from "../../../core/dhcp-packet/index.ts";
import { classifyClient } from "../../../core/pxe/boot-client.ts";
import { IPXE_SUB_OPTION } from "../../../core/pxe/ipxe.ts";
import { PXE_SUB_OPTION, pxeVendorOptions } from "../../../core/pxe/vendor-options.ts";
import { hex, IPXE_DISCOVER } from "../dhcp-packet/captures.ts";
import { request } from "./requests.ts";

function replyTo(vendorClass: string, arch: number, ...more: DhcpOption[]): DhcpOption[] {
  const packet = request([textOption(60, vendorClass), u16Option(93, arch), ...more]);
  return pxeVendorOptions(packet, classifyClient(packet));
}

describe("a server's reply", () => {
  test("P26 to a BIOS ROM: 43 with sub-option 6 = 8, ending in 255", () => {
    expect(replyTo("PXEClient", 0)).toEqual([textOption(60, "PXEClient"), bytesOption(43, hex("060108 ff"))]);
  });

  test.each([6, 7, 9, 10, 11, 27])(
    "P24 P27 to UEFI's PXE client of architecture %i: neither 60 nor 43",
    (arch) => {
      expect(replyTo("PXEClient", arch)).toEqual([]);
    },
  );

  test("P31 to a Raspberry Pi: 43 with the boot menu that its ROM looks for", () => {
    const packet = request([textOption(60, "PXEClient"), u16Option(93, 0)], hex("b827eb000001"));
    const reply = pxeVendorOptions(packet, classifyClient(packet));
    expect(reply).toEqual([
      textOption(60, "PXEClient"),
      // As dnsmasq sends it for pxe-service=0,"Raspberry Pi Boot".
      bytesOption(43, hex("060103 0a0400505845 091400001152617370626572727920506920426f6f74 ff")),
    ]);
  });

  test("P32 to HTTP boot: 60 is HTTPClient", () => {
    expect(replyTo("HTTPClient", 16)).toContainEqual(textOption(60, "HTTPClient"));
  });

  test("P30 to iPXE: 175 with 176 = 1, and no 60", () => {
    const packet = decode(IPXE_DISCOVER);
    const reply = pxeVendorOptions(packet, classifyClient(packet));
    expect(reply.map(({ code }) => code)).toEqual([97, 175]);
    expect(reply[1]?.data).toEqual(hex("b00101"));
  });

  test.each([
    ["PXEClient", 0],
    ["PXEClient", 7],
    ["HTTPClient", 16],
    ["PXEClient", 99],
    ["MSFT 5.0", 0],
  ])("P27 never 60 without 43: %s of architecture %i", (vendorClass, arch) => {
    const codes = replyTo(vendorClass, arch).map(({ code }) => code);
    expect(codes.includes(60)).toBe(codes.includes(43));
  });

  test("an operating system gets none of it", () => {
    expect(replyTo("MSFT 5.0", 0, bytesOption(97, new Uint8Array(17)))).toEqual([]);
  });
});

describe("P22 97 is echoed as it came", () => {
  test.each([
    ["a UUID", "00 44454c4c 4200 1035 8052 b4c04f333332"],
    ["a malformed one", "ff01"],
    ["an empty one", ""],
  ])("%s", (_, data) => {
    const identifier = bytesOption(OPTION.CLIENT_MACHINE_IDENTIFIER, hex(data));
    for (const vendorClass of ["PXEClient", "HTTPClient"]) {
      expect(replyTo(vendorClass, 0, identifier)).toContainEqual(identifier);
    }
  });

  test("a missing one stays missing", () => {
    expect(replyTo("PXEClient", 0).map(({ code }) => code)).not.toContain(97);
  });
});

test("P26 7, 8, 9, 10 and 71 round-trip", () => {
  const options = [
    { code: PXE_SUB_OPTION.DISCOVERY_CONTROL, data: hex("07") },
    { code: PXE_SUB_OPTION.DISCOVERY_MULTICAST_ADDRESS, data: hex("ef000001") },
    { code: PXE_SUB_OPTION.BOOT_SERVERS, data: hex("0001 01 c0a84d01") },
    { code: PXE_SUB_OPTION.BOOT_MENU, data: hex("0000 05 4c6f63616c 0001 04 626f6f74") },
    { code: PXE_SUB_OPTION.MENU_PROMPT, data: hex("0a 507265737320463821") },
    { code: PXE_SUB_OPTION.BOOT_ITEM, data: hex("00010000") },
  ];
  const wire = encodeSubOptions(options, { end: true });
  expect(wire.at(-1)).toBe(255);
  expect(decodeSubOptions(wire, { end: true })).toEqual(options);
  expect(options.map(({ code }) => code)).toEqual([6, 7, 8, 9, 10, 71]);
});

test("P30 the numbers of 175's options", () => {
  expect(Object.values(IPXE_SUB_OPTION)).toEqual([
    1, 8, 9, 81, 85, 90, 91, 92, 93, 176, 177, 178, 189, 190, 191, 235,
  ]);
});
