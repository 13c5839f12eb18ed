import { describe, expect, it } from "vitest";
import {
  decode,
  type DhcpPacket,
  encode,
  getOption,
  getText,
  MESSAGE_TYPE,
  OPTION,
} from "../../../core/dhcp-packet/index.ts";
import {
  clientId,
  discover,
  firmware,
  ipxe,
  MAC,
  message,
  OTHER_MAC,
  request,
} from "./support/client-packets.ts";
import { EngineBench, machine, SERVER } from "./support/engine-bench.ts";

const BIOS = 0;
const EFI_IA32 = 6;
const EFI_X86_64 = 7;
const EFI_ARM64 = 11;
const HTTP_X86_64 = 16;

/** An OFFER as it comes off the wire. */
function offerTo(options: ReturnType<typeof firmware>, bench = new EngineBench(), mac = MAC): DhcpPacket {
  const { packet, maxBytes } = bench.reply(discover({ mac, options }));
  return decode(encode(packet, { maxBytes }));
}

describe("boot options", () => {
  it.each([
    ["BIOS", BIOS, "undionly.kpxe"],
    ["EFI x86-64, the first file that is there", EFI_X86_64, "snponly.efi"],
    ["EFI x86-64 by the other number", 9, "snponly.efi"],
    ["EFI arm64", EFI_ARM64, "ipxe-arm64.efi"],
  ])("P28 a ROM gets its file by `file` and 67, us by siaddr and 66: %s", (_, arch, file) => {
    const offer = offerTo(firmware(arch));
    expect(offer).toMatchObject({ siaddr: SERVER, file });
    expect(getText(offer, OPTION.BOOTFILE_NAME)).toBe(file);
    expect(getText(offer, OPTION.TFTP_SERVER_NAME)).toBe(SERVER);
  });

  it("P28 behind 67 comes 97, which EDK2 may overwrite: the network's options come before", () => {
    const { options } = offerTo(firmware(EFI_X86_64));
    const codes = options.map(({ code }) => code);
    const bootFile = codes.indexOf(OPTION.BOOTFILE_NAME);
    expect(codes[bootFile + 1]).toBe(OPTION.CLIENT_MACHINE_IDENTIFIER);
    expect(codes.indexOf(OPTION.SUBNET_MASK)).toBeGreaterThan(0);
    expect(codes.indexOf(OPTION.SUBNET_MASK)).toBeLessThan(bootFile);
  });

  it("P28 the ACK says the same as the OFFER", () => {
    const bench = new EngineBench();
    const options = firmware(BIOS);
    const { packet: offer } = bench.reply(discover({ options }));
    const { packet: ack } = bench.reply(request(offer.yiaddr, SERVER, { options }));
    expect(ack.file).toBe(offer.file);
    expect(ack.options.slice(1)).toEqual(offer.options.slice(1));
  });

  it("P22 97 comes back as it was, and may be missing or malformed", () => {
    const options = firmware(EFI_X86_64);
    const sent = getOption({ options }, OPTION.CLIENT_MACHINE_IDENTIFIER)!;
    expect(getOption(offerTo(options), OPTION.CLIENT_MACHINE_IDENTIFIER)).toEqual(sent);
    const without = options.filter(({ code }) => code !== OPTION.CLIENT_MACHINE_IDENTIFIER);
    expect(offerTo(without).file).toBe("snponly.efi");
    const malformed = { code: OPTION.CLIENT_MACHINE_IDENTIFIER, data: Uint8Array.of(7, 7) };
    const offer = offerTo([...without, malformed]);
    expect(getOption(offer, OPTION.CLIENT_MACHINE_IDENTIFIER)).toEqual(malformed.data);
    expect(offer.file).toBe("snponly.efi");
  });

  it("P26 P27 a BIOS ROM gets 60 with a 43 that says to use this boot file", () => {
    const offer = offerTo(firmware(BIOS));
    expect(getText(offer, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe("PXEClient");
    expect(getOption(offer, OPTION.VENDOR_SPECIFIC_INFORMATION)).toEqual(Uint8Array.of(6, 1, 8, 255));
  });

  it.each([BIOS, EFI_X86_64, EFI_ARM64, HTTP_X86_64])("P27 never 60 without 43: architecture %i", (arch) => {
    const offer = offerTo(firmware(arch));
    const has = (code: number): boolean => getOption(offer, code) !== undefined;
    expect(has(OPTION.VENDOR_CLASS_IDENTIFIER)).toBe(has(OPTION.VENDOR_SPECIFIC_INFORMATION));
  });

  it.each([BIOS, EFI_X86_64, EFI_ARM64])(
    "P29 P30 iPXE gets the script, and need not wait for a proxy: architecture %i",
    (arch) => {
      const url = `http://${SERVER}:8080/boot.ipxe`;
      const offer = offerTo(ipxe(arch));
      expect(offer.file).toBe(url);
      expect(getText(offer, OPTION.BOOTFILE_NAME)).toBe(url);
      expect(getOption(offer, OPTION.ETHERBOOT)).toEqual(Uint8Array.of(176, 1, 1));
    },
  );

  it("P32 HTTP boot gets 60 and an absolute URL", () => {
    const offer = offerTo(firmware(HTTP_X86_64, "HTTPClient"));
    const url = `http://${SERVER}:8080/f/snponly.efi`;
    expect(getText(offer, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe("HTTPClient");
    expect(offer.file).toBe(url);
    expect(getText(offer, OPTION.BOOTFILE_NAME)).toBe(url);
  });

  it("a system gets nothing to boot", () => {
    const offer = offerTo([clientId(255, 1, 2)]);
    expect(offer).toMatchObject({ siaddr: "0.0.0.0", file: "" });
    for (const code of [
      OPTION.TFTP_SERVER_NAME,
      OPTION.BOOTFILE_NAME,
      OPTION.VENDOR_CLASS_IDENTIFIER,
      43,
      175,
    ]) {
      expect(getOption(offer, code)).toBeUndefined();
    }
  });

  it("the machine's boot files come before the site's, and those before the configured", () => {
    const bench = new EngineBench({
      siteBootFiles: { bios: ["site.kpxe"] },
      machines: [machine({ macs: [MAC], bootFiles: { bios: ["machine.kpxe"] } })],
    });
    expect(offerTo(firmware(BIOS), bench).file).toBe("machine.kpxe");
    expect(offerTo(firmware(BIOS), bench, OTHER_MAC).file).toBe("site.kpxe");
    expect(offerTo(firmware(EFI_X86_64), bench, OTHER_MAC).file).toBe("snponly.efi");
  });

  it.each([
    ["the shim", EFI_X86_64, "efi-x86_64", "shimx64.efi"],
    ["GRUB's network image", EFI_ARM64, "efi-arm64", "debian-installer/arm64/grubaa64.efi"],
    ["PXELINUX", BIOS, "bios", "pxelinux.0"],
    ["a build of their own", EFI_IA32, "efi-ia32", "own/ipxe-ia32.efi"],
  ])("%s, named by the machine or by the site", (_, arch, firmwareClass, file) => {
    const bootFiles = { [firmwareClass]: [file] };
    const ofSite = new EngineBench({ siteBootFiles: bootFiles });
    const ofMachine = new EngineBench({
      machines: [machine({ macs: [MAC], bootFiles })],
    });
    for (const bench of [ofSite, ofMachine]) {
      expect(offerTo(firmware(arch), bench).file).toBe(file);
      expect(offerTo(ipxe(arch), bench).file).toBe(`http://${SERVER}:8080/boot.ipxe`);
    }
  });

  it("a machine that is registered by its UUID alone is known by it", () => {
    // As option 97 has it: little-endian in its first three groups.
    const uuid = "04030201-0605-0807-090a-0b0c0d0e0f10";
    const bench = new EngineBench({
      machines: [machine({ macs: [], uuid, bootFiles: { bios: ["own.0"] } })],
    });
    expect(offerTo(firmware(BIOS), bench).file).toBe("own.0");
  });

  it("an INFORM of a boot client is told what to boot, too", () => {
    const fields = { ciaddr: "192.168.77.200" };
    const inform = message(MESSAGE_TYPE.INFORM, { fields, options: firmware(BIOS) });
    expect(new EngineBench().reply(inform).packet.file).toBe("undionly.kpxe");
  });
});

describe("events", () => {
  it("tell what was given to whom", () => {
    const bench = new EngineBench();
    const { event } = bench.reply(discover({ options: ipxe(EFI_X86_64) }));
    expect(event).toEqual({
      mac: MAC,
      stage: "dhcp",
      name: "offered",
      detail: {
        address: "192.168.77.50",
        arch: 7,
        vendorClass: "PXEClient:Arch:00007:UNDI:003016",
        userClass: "iPXE",
        bootFile: `http://${SERVER}:8080/boot.ipxe`,
        client: "ipxe",
      },
    });
  });

  it("say why a boot client got nothing to boot", () => {
    const { event } = new EngineBench().reply(discover({ options: firmware(33) }));
    expect(event?.detail).toMatchObject({ bootFile: null, reason: "unsupported-architecture" });
  });
});

describe("P29 the loop cap", () => {
  const boot = (bench: EngineBench, options: ReturnType<typeof firmware>): string => {
    const offered = bench.reply(discover({ options })).packet.yiaddr;
    return bench.reply(request(offered, SERVER, { options })).packet.file;
  };

  it("P29 a binary that comes back for a binary gets none after ten", () => {
    const bench = new EngineBench();
    for (let i = 0; i < 10; i++) expect(boot(bench, firmware(EFI_X86_64))).toBe("snponly.efi");
    const { packet, event } = bench.reply(discover({ options: firmware(EFI_X86_64) }));
    expect(packet).toMatchObject({ file: "", yiaddr: "192.168.77.50" });
    expect(event?.detail).toMatchObject({ bootFile: null, reason: "boot-loop" });
    expect(bench.reply(discover({ mac: OTHER_MAC, options: firmware(EFI_X86_64) })).packet.file).toBe(
      "snponly.efi",
    );
    bench.now += 5 * 60_000;
    expect(boot(bench, firmware(EFI_X86_64))).toBe("snponly.efi");
  });

  it("P29 a machine that reaches iPXE each time is in no loop", () => {
    const bench = new EngineBench();
    for (let i = 0; i < 30; i++) {
      expect(boot(bench, firmware(EFI_X86_64))).toBe("snponly.efi");
      expect(boot(bench, ipxe(EFI_X86_64))).toContain("/boot.ipxe");
    }
  });
});
