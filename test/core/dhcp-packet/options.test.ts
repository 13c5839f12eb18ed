import { describe, expect, test } from "vitest";
import {
  bytesOption,
  decodeSubOptions,
  decodeUserClass,
  EncodeError,
  encodeSubOptions,
  getIpv4,
  getIpv4List,
  getOption,
  getText,
  getU16,
  getU32,
  getU8,
  ipv4ListOption,
  ipv4Option,
  textOption,
  u16Option,
  u32Option,
  u8Option,
} from "../../../core/dhcp-packet/index.ts";
import { hex } from "./captures.ts";

const holding = (data: string) => ({ options: [bytesOption(99, hex(data))] });

describe("values by shape", () => {
  test.each([
    ["one address", getIpv4, "c0a84d01", "192.168.77.1"],
    ["an address cut short", getIpv4, "c0a84d", undefined],
    ["two where one belongs", getIpv4, "c0a84d01c0a84d02", undefined],
    ["a list of addresses", getIpv4List, "c0a84d01ffffffff", ["192.168.77.1", "255.255.255.255"]],
    ["an empty list", getIpv4List, "", undefined],
    ["a list cut short", getIpv4List, "c0a84d01ff", undefined],
    ["one byte", getU8, "ff", 255],
    ["no byte", getU8, "", undefined],
    ["two for one", getU8, "0001", undefined],
    ["two bytes", getU16, "05c0", 1472],
    ["three for two", getU16, "0005c0", undefined],
    ["four bytes", getU32, "ffffffff", 0xffffffff],
    ["three for four", getU32, "ffffff", undefined],
    ["text", getText, "6e6f6465", "node"],
    ["text with a NUL", getText, "6e6f646500ff", "node"],
    ["empty text", getText, "", ""],
    ["text that is no UTF-8", getText, "61ff62", "a\ufffdb"],
  ])("%s", (_, get, data, value) => {
    expect(get(holding(data), 99)).toEqual(value);
    expect(get(holding(data), 98)).toBeUndefined();
  });

  test.each([
    [ipv4Option(54, "192.168.77.1"), "c0a84d01"],
    [ipv4ListOption(6, ["8.8.8.8", "1.1.1.1"]), "0808080801010101"],
    [u8Option(53, 2), "02"],
    [u16Option(57, 1472), "05c0"],
    [u32Option(51, 0xfffffffe), "fffffffe"],
    [textOption(67, "x.efi"), "782e656669"],
  ])("constructed: %o", (option, data) => {
    expect(option.data).toEqual(hex(data));
  });

  test.each([
    ["an address of three parts", () => ipv4Option(54, "1.2.3")],
    ["an empty part", () => ipv4Option(54, "1..2.3")],
    ["a fifth part", () => ipv4Option(54, "1.2.3.4.5")],
    ["a trailing dot", () => ipv4Option(54, "1.2.3.4.")],
    ["no text", () => ipv4Option(54, "")],
    ["a leading zero", () => ipv4Option(54, "1.2.3.00")],
    ["a sign", () => ipv4Option(54, "+1.2.3.4")],
    ["no address", () => ipv4ListOption(6, [])],
    ["256 for a byte", () => u8Option(53, 256)],
    ["a fraction", () => u16Option(57, 1.5)],
    ["2^32", () => u32Option(51, 2 ** 32)],
    ["not a number", () => u32Option(51, NaN)],
  ])("refused: %s", (_, construct) => {
    expect(construct).toThrow(EncodeError);
  });
});

describe("D20 user class", () => {
  test.each([
    ["RFC 3004, one", "04 69505845", ["iPXE"]],
    ["RFC 3004, two", "04 69505845 03 666f6f", ["iPXE", "foo"]],
    ["iPXE's raw text", "69505845", ["iPXE"]],
    ["a length past the end is raw", "05 69505845", ["\x05iPXE"]],
    ["a second length past the end is raw", "0161 0561", ["\x01a\x05a"]],
    ["a length of zero is raw", "6162 00", ["ab"]],
    ["nothing", "", []],
  ])("%s", (_, data, classes) => {
    expect(decodeUserClass(hex(data))).toEqual(classes);
  });
});

describe("options within an option", () => {
  const subOptions = [
    { code: 6, data: hex("08") },
    { code: 71, data: hex("00000000") },
  ];

  test("43: PAD and END", () => {
    expect(encodeSubOptions(subOptions, { end: true })).toEqual(hex("060108 470400000000 ff"));
    expect(decodeSubOptions(hex("00 060108 00 470400000000 ff 0901"), { end: true })).toEqual(subOptions);
    expect(decodeSubOptions(hex("060108 470400000000"), { end: true })).toEqual(subOptions);
  });

  test("82: 0 and 255 are codes", () => {
    const codes = [
      { code: 0, data: hex("aa") },
      { code: 255, data: hex("") },
    ];
    expect(encodeSubOptions(codes)).toEqual(hex("0001aa ff00"));
    expect(decodeSubOptions(hex("0001aa ff00"))).toEqual(codes);
  });

  test.each(["01", "0102aa", "0101aa02"])("truncated %s is undefined", (data) => {
    expect(decodeSubOptions(hex(data))).toBeUndefined();
  });

  test.each([
    ["a value over 255 bytes", [{ code: 1, data: new Uint8Array(256) }], {}],
    ["PAD where it is one", [{ code: 0, data: hex("") }], { end: true }],
    ["END where it is one", [{ code: 255, data: hex("") }], { end: true }],
    ["a code over 255", [{ code: 256, data: hex("") }], {}],
  ])("refused: %s", (_, options, framing) => {
    expect(() => encodeSubOptions(options, framing)).toThrow(EncodeError);
  });

  test("repeated ones stay repeated", () => {
    const options = decodeSubOptions(hex("0101aa 0101bb"));
    expect(options?.map(({ data }) => data[0])).toEqual([0xaa, 0xbb]);
    expect(getOption({ options: options! }, 1)).toEqual(hex("aa"));
  });
});
