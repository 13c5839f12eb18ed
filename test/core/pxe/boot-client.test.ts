import { describe, expect, test } from "vitest";
import {
  bytesOption,
  decode,
  DecodeError,
  OPTION,
  textOption,
  u16Option,
} from "../../../core/dhcp-packet/index.ts";
import { classifyClient } from "../../../core/pxe/boot-client.ts";
import { CLIENT_ARCH } from "../../../core/pxe/client-arch.ts";
import { EDK2_DISCOVER, hex, IPXE_DISCOVER } from "../dhcp-packet/captures.ts";
import { mutate, seededRandom } from "../dhcp-packet/mutate.ts";
import { request } from "./requests.ts";

const UUID = "4c4c4544-0042-3510-8052-b4c04f333332";
const pxeClient = textOption(OPTION.VENDOR_CLASS_IDENTIFIER, "PXEClient");
const archOption = (arch: number) => u16Option(OPTION.CLIENT_SYSTEM_ARCHITECTURE, arch);

describe("who is speaking", () => {
  test("EDK2's PXE client", () => {
    expect(classifyClient(decode(EDK2_DISCOVER))).toEqual({
      kind: "pxe",
      firmware: "efi-x86_64",
      arch: 7,
      vendorClass: "PXEClient:Arch:00007:UNDI:003016",
      userClass: [],
      uuid: UUID,
    });
  });

  test("P29 iPXE, though it calls itself a PXEClient too; the same UUID in its other byte order", () => {
    expect(classifyClient(decode(IPXE_DISCOVER))).toEqual({
      kind: "ipxe",
      firmware: "bios",
      features: [
        "elf",
        "multiboot",
        "pxe",
        "pxe-ext",
        "http",
        "iscsi",
        "dns",
        "tftp",
        "aoe",
        "menu",
        "bzimage",
      ],
      version: "1.21.1",
      arch: 0,
      vendorClass: "PXEClient:Arch:00000:UNDI:002001",
      userClass: ["iPXE"],
      uuid: UUID,
    });
  });

  test.each([
    ["77 raw", bytesOption(77, hex("69505845"))],
    ["77 of RFC 3004", bytesOption(77, hex("0469505845"))],
    ["77 among others", bytesOption(77, hex("03666f6f 0469505845"))],
    ["175 alone", bytesOption(175, hex("130101"))],
    ["175 malformed", bytesOption(175, hex("1305"))],
    ["175 empty", bytesOption(175, hex(""))],
  ])("P29 iPXE is known by %s", (_, option) => {
    expect(classifyClient(request([pxeClient, archOption(7), option])).kind).toBe("ipxe");
  });

  test.each(["gPXE", "iPXE2", "ipxe", "pxe"])("P29 the user class %s alone is not iPXE's", (userClass) => {
    expect(classifyClient(request([pxeClient, archOption(7), textOption(77, userClass)])).kind).toBe("pxe");
  });

  test("P30 a feature that is switched off is not one, a malformed 175 says nothing", () => {
    const build = (data: string) => classifyClient(request([bytesOption(175, hex(data))]));
    expect(build("130100 140101 ff")).toMatchObject({ features: ["https"], version: null });
    expect(build("130101 1405")).toMatchObject({ features: [], version: null });
  });

  test("P32 UEFI HTTP boot", () => {
    const vendorClass = textOption(60, "HTTPClient:Arch:00016:UNDI:003001");
    expect(classifyClient(request([vendorClass, archOption(16)]))).toMatchObject({
      kind: "http",
      firmware: "efi-x86_64",
      arch: 16,
    });
  });

  test.each([
    ["no option 60", []],
    ["Windows", [textOption(60, "MSFT 5.0"), textOption(12, "desk")]],
    ["Debian's installer", [textOption(60, "d-i")]],
    ["93 without 60", [archOption(7)]],
    ["PXEClient elsewhere in 60", [textOption(60, "not PXEClient")]],
  ])("an operating system: %s", (_, options) => {
    expect(classifyClient(request(options)).kind).toBe("other");
  });
});

describe("P31 architectures", () => {
  test.each([
    [0, "bios"],
    [6, "efi-ia32"],
    [7, "efi-x86_64"],
    [9, "efi-x86_64"],
    [10, "efi-arm32"],
    [11, "efi-arm64"],
    [15, "efi-ia32"],
    [16, "efi-x86_64"],
    [18, "efi-arm32"],
    [19, "efi-arm64"],
    [27, "efi-riscv64"],
    [28, "efi-riscv64"],
    [39, "efi-loongarch64"],
    [40, "efi-loongarch64"],
    [2, null],
    [65535, null],
  ])("%i is %s", (arch, firmware) => {
    expect(classifyClient(request([pxeClient, archOption(arch)]))).toMatchObject({ arch, firmware });
  });

  test("the numbers of the registry", () => {
    expect(CLIENT_ARCH).toMatchObject({
      BIOS: 0,
      EFI_RISCV64: 27,
      EFI_LOONGARCH64: 39,
      HTTP_ARM64: 19,
      RASPBERRY_PI: 41,
    });
  });

  test("of a list, the first that has boot files", () => {
    const list = bytesOption(93, hex("0008 0006 0007"));
    expect(classifyClient(request([pxeClient, list]))).toMatchObject({ arch: 6, firmware: "efi-ia32" });
  });

  test.each(["", "07", "000700"])("a malformed 93 (%s) leaves what 60 says, else nothing", (data) => {
    const malformed = bytesOption(93, hex(data));
    const told = textOption(60, "PXEClient:Arch:00011:UNDI:003001");
    expect(classifyClient(request([told, malformed]))).toMatchObject({ arch: 11, firmware: "efi-arm64" });
    expect(classifyClient(request([pxeClient, malformed]))).toMatchObject({ arch: null, firmware: null });
  });

  test("a Raspberry Pi's ROM says BIOS and is known by its address; its UEFI firmware is believed", () => {
    const pi = hex("dca632000001");
    expect(classifyClient(request([pxeClient, archOption(0)], pi))).toMatchObject({
      arch: CLIENT_ARCH.RASPBERRY_PI,
      firmware: "raspberry-pi",
    });
    expect(classifyClient(request([pxeClient, archOption(11)], pi)).arch).toBe(11);
  });
});

describe("P22 the machine's UUID", () => {
  test.each([
    ["missing", []],
    ["too short", [bytesOption(97, hex("00 44454c4c"))]],
    ["of another type", [bytesOption(97, hex("01 44454c4c 4200 1035 8052 b4c04f333332"))]],
    ["all zeros", [bytesOption(97, new Uint8Array(17))]],
  ])("%s is accepted, and none", (_, options) => {
    expect(classifyClient(request([pxeClient, archOption(7), ...options]))).toMatchObject({
      kind: "pxe",
      uuid: null,
    });
  });
});

test("P29 no mutated packet makes classification throw", () => {
  const random = seededRandom(29);
  const seen = new Set<string>();
  for (let run = 0; run < 20_000; run++) {
    try {
      seen.add(classifyClient(decode(mutate(run % 2 ? EDK2_DISCOVER : IPXE_DISCOVER, random))).kind);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  expect([...seen]).toEqual(expect.arrayContaining(["ipxe", "pxe", "other"]));
});
