import { describe, expect, test } from "vitest";
import { decode, DecodeError, getOption, getText, getU8, OPTION } from "../../../core/dhcp-packet/index.ts";
import { clientHeader, EDK2_DISCOVER, hex, IPXE_DISCOVER, zeros } from "./captures.ts";

const CHADDR = "525400aa0001";
const HEADER = clientHeader(CHADDR);

function failureOf(bytes: Uint8Array): { code: string; offset: number } | undefined {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { code: error.code, offset: error.offset };
  }
}

/** A message whose `file` and `sname` hold what is given, each padded with zeros. */
function overloaded(options: string, file: string, sname: string): Uint8Array {
  const field = (text: string, size: number) => {
    const digits = text.replace(/\s/g, "");
    return digits + zeros(size - digits.length / 2);
  };
  return hex(
    `01010600 12345678 00000000 ${zeros(16)} ${CHADDR} ${zeros(10)}`,
    field(sname, 64),
    field(file, 128),
    "63825363",
    options,
  );
}

describe("a DISCOVER on the wire", () => {
  test("EDK2's, field by field", () => {
    const packet = decode(EDK2_DISCOVER);
    expect(packet).toMatchObject({
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: 0x12345678,
      secs: 4,
      flags: 0x8000,
      ciaddr: "0.0.0.0",
      yiaddr: "0.0.0.0",
      siaddr: "0.0.0.0",
      giaddr: "0.0.0.0",
      chaddr: hex(CHADDR),
      sname: "",
      file: "",
    });
    expect(packet.options.map(({ code }) => code)).toEqual([53, 57, 55, 97, 94, 93, 60]);
    expect(getText(packet, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe("PXEClient:Arch:00007:UNDI:003016");
    expect(getOption(packet, OPTION.PARAMETER_REQUEST_LIST)).toHaveLength(35);
  });

  test("iPXE's, with the options that other codecs drop", () => {
    const packet = decode(IPXE_DISCOVER);
    expect(packet.options.map(({ code }) => code)).toEqual([53, 57, 93, 94, 60, 77, 55, 175, 61, 97]);
    expect(getOption(packet, OPTION.USER_CLASS)).toEqual(hex("69505845"));
    expect(getOption(packet, OPTION.ETHERBOOT)).toHaveLength(45);
  });

  test("names end at the first NUL, whatever follows", () => {
    const sname = `72656c6179 00 ${"aa".repeat(58)}`;
    const packet = decode(overloaded("350101ff", "736e706f6e6c792e656669", sname));
    expect(packet.sname).toBe("relay");
    expect(packet.file).toBe("snponly.efi");
  });

  test("PAD between options, an option without a value, and what follows END are no matter", () => {
    const packet = decode(hex(HEADER, "0000 350101 00 5000 00 ff 0c05"));
    expect(packet.options).toEqual([
      { code: 53, data: hex("01") },
      { code: 80, data: hex("") },
    ]);
  });

  test("a Buffer inside a larger one decodes like a Uint8Array of its own", () => {
    const larger = Buffer.concat([Buffer.from("before"), EDK2_DISCOVER, Buffer.from("after")]);
    expect(decode(larger.subarray(6, 6 + EDK2_DISCOVER.length))).toStrictEqual(decode(EDK2_DISCOVER));
  });
});

describe("D14 what is no DHCP message is refused with its reason and place", () => {
  test.each([
    ["nothing", hex(), "too-short", 0],
    ["239 bytes", hex(HEADER).subarray(0, 239), "too-short", 239],
    ["op 3", hex(HEADER.replace(/^01/, "03"), "350101ff"), "bad-op", 0],
    ["op 0", hex(HEADER.replace(/^01/, "00"), "350101ff"), "bad-op", 0],
    ["hlen 17", hex(HEADER.replace(/^010106/, "010111"), "350101ff"), "bad-hlen", 2],
    ["another cookie", hex(HEADER.replace("63825363", "63825364"), "350101ff"), "bad-cookie", 236],
    ["no options at all", hex(HEADER), "missing-end", 240],
    ["no END", hex(HEADER, "350101"), "missing-end", 243],
    ["PAD for END", hex(HEADER, "350101", zeros(60)), "missing-end", 303],
    ["an option without a length", hex(HEADER, "350101 0c"), "truncated-option", 243],
    ["an option past the end", hex(HEADER, "350101 0c05 6162"), "truncated-option", 243],
    ["overload 0", hex(HEADER, "340100 ff"), "bad-overload", 240],
    ["overload 4", hex(HEADER, "340104 ff"), "bad-overload", 240],
    ["overload of two bytes", hex(HEADER, "34020101 ff"), "bad-overload", 240],
    ["overload twice", hex(HEADER, "340101 340101 ff"), "bad-overload", 240],
    ["overload within file", overloaded("340101 ff", "340101 ff", ""), "bad-overload", 110],
    ["an overloaded file without END", overloaded("340101 ff", "0c0161", ""), "missing-end", 236],
    ["an option over the end of sname", overloaded("340102 ff", "", "0c3f61"), "truncated-option", 44],
  ])("%s", (_, bytes, code, offset) => {
    expect(failureOf(bytes)).toEqual({ code, offset });
  });

  test("hlen 16 and hlen 0 are in order", () => {
    expect(decode(hex(HEADER.replace(/^010106/, "010110"), "ff")).chaddr).toHaveLength(16);
    expect(decode(hex(HEADER.replace(/^010106/, "010100"), "ff")).chaddr).toHaveLength(0);
  });

  test.each([
    ["EDK2's DISCOVER", EDK2_DISCOVER],
    ["iPXE's DISCOVER", IPXE_DISCOVER],
  ])("%s cut short at every byte throws DecodeError and nothing else", (_, whole) => {
    for (let length = 0; length < whole.length; length++) {
      const failure = failureOf(whole.subarray(0, length));
      expect(failure, `at ${length}`).toBeDefined();
      expect(failure!.offset).toBeLessThanOrEqual(length);
    }
  });
});

describe("D17 instances of an option are one value (RFC 3396)", () => {
  test("within the options field, at the place of the first", () => {
    const packet = decode(hex(HEADER, "0c026162 350101 0c0163 0c00 ff"));
    expect(packet.options).toEqual([
      { code: 12, data: hex("616263") },
      { code: 53, data: hex("01") },
    ]);
  });

  test("over options, then file, then sname", () => {
    const packet = decode(overloaded("340103 350101 0c0161 ff", "0c0162 3c0178 ff", "0c0163 ff"));
    expect(getText(packet, OPTION.HOST_NAME)).toBe("abc");
    expect(packet.options.map(({ code }) => code)).toEqual([53, 12, 60]);
    expect(packet).toMatchObject({ file: "", sname: "" });
  });

  test("a field that is not overloaded keeps its text", () => {
    const packet = decode(overloaded("340102 350101 ff", "782e656669", "0c0163 ff"));
    expect(packet.file).toBe("x.efi");
    expect(getText(packet, OPTION.HOST_NAME)).toBe("c");
    expect(getU8(packet, OPTION.OVERLOAD)).toBeUndefined();
  });
});
