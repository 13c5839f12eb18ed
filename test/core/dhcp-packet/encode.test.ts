import { describe, expect, test } from "vitest";
import {
  bytesOption,
  decode,
  type DhcpOption,
  type DhcpPacket,
  encode,
  EncodeError,
  encodingLength,
  getOption,
  getText,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u32Option,
  u8Option,
} from "../../../core/dhcp-packet/index.ts";
import { EDK2_DISCOVER, hex, IPXE_DISCOVER, zeros } from "./captures.ts";

const OFFER: DhcpPacket = {
  op: 2,
  htype: 1,
  hlen: 6,
  hops: 0,
  xid: 0xfedcba98,
  secs: 0,
  flags: 0x8000,
  ciaddr: "0.0.0.0",
  yiaddr: "192.168.77.50",
  siaddr: "192.168.77.1",
  giaddr: "0.0.0.0",
  chaddr: hex("525400aa0001"),
  sname: "",
  file: "snponly.efi",
  options: [
    u8Option(OPTION.MESSAGE_TYPE, MESSAGE_TYPE.OFFER),
    ipv4Option(OPTION.SERVER_IDENTIFIER, "192.168.77.1"),
    u32Option(OPTION.IP_ADDRESS_LEASE_TIME, 3600),
    textOption(OPTION.BOOTFILE_NAME, "snponly.efi"),
  ],
};

const withOptions = (...options: DhcpOption[]): DhcpPacket => ({ ...OFFER, options });
const filled = (code: number, length: number, byte = 0x61): DhcpOption =>
  bytesOption(code, new Uint8Array(length).fill(byte));

function codeOf(encodeIt: () => unknown): string | undefined {
  try {
    encodeIt();
    return undefined;
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return error.code;
  }
}

const WIRE = hex(
  "02010600 fedcba98 00008000 00000000 c0a84d32 c0a84d01 00000000",
  `525400aa0001 ${zeros(10)} ${zeros(64)}`,
  `736e706f6e6c792e656669 ${zeros(117)}`,
  "63825363 350102 3604c0a84d01 330400000e10 430b736e706f6e6c792e656669 ff",
  zeros(31),
);

describe("an OFFER on the wire", () => {
  test("byte for byte", () => {
    expect(encode(OFFER)).toEqual(WIRE);
  });

  test("and back", () => {
    expect(decode(WIRE)).toEqual(OFFER);
  });

  test.each([
    ["EDK2's", EDK2_DISCOVER],
    ["iPXE's", IPXE_DISCOVER],
  ])("%s DISCOVER decoded and encoded is the same, padded", (_, bytes) => {
    const padded = new Uint8Array(Math.max(300, bytes.length));
    padded.set(bytes);
    expect(encode(decode(bytes))).toEqual(padded);
  });
});

describe("into a buffer given", () => {
  test("is the same, whatever was there before", () => {
    const memory = new Uint8Array(1000).fill(0xee);
    const into = memory.subarray(100, 900);
    const wire = encode(OFFER, { into });
    expect(wire).toEqual(WIRE);
    expect(wire.buffer).toBe(memory.buffer);
    expect(wire.byteOffset).toBe(100);
    expect(memory[99]).toBe(0xee);
    expect(memory[100 + WIRE.length]).toBe(0xee);
  });

  test("needs a long enough one", () => {
    expect(codeOf(() => encode(OFFER, { into: new Uint8Array(299) }))).toBe("does-not-fit");
    expect(encode(OFFER, { into: new Uint8Array(300) })).toEqual(WIRE);
  });
});

describe("D12 length", () => {
  test("300 bytes at least", () => {
    expect(encode(withOptions())).toHaveLength(300);
    expect(encodingLength(withOptions())).toBe(300);
  });

  test("encodingLength is what encode makes, split options included", () => {
    for (const length of [0, 1, 54, 58, 255, 256, 510, 511, 1000]) {
      const packet = withOptions(filled(43, length));
      expect(encode(packet)).toHaveLength(encodingLength(packet));
    }
  });

  test("maxBytes is a bound, and it is reached before anything overflows", () => {
    const packet = withOptions(u8Option(53, 2), filled(43, 200));
    expect(encodingLength(packet)).toBe(446);
    expect(encode(packet, { maxBytes: 446 })).toHaveLength(446);
    expect(codeOf(() => encode(packet, { maxBytes: 299 }))).toBe("does-not-fit");
  });
});

describe("D13 overflow by option 52", () => {
  const many = [u8Option(53, 2), filled(43, 50), filled(60, 60), filled(12, 40, 0x62), filled(15, 30)];

  test("goes into file first, then sname, whole options in the order given", () => {
    const packet = { ...withOptions(...many), file: "" };
    const wire = encode(packet, { maxBytes: 300 });
    expect(wire).toHaveLength(300);
    expect(wire.subarray(240, 243)).toEqual(hex("350102"));
    expect(wire.subarray(295, 299)).toEqual(hex("340103 ff"));
    expect(wire.subarray(108, 110)).toEqual(hex("3c3c"));
    expect(wire.subarray(44, 46)).toEqual(hex("0f1e"));
    const decoded = decode(wire);
    expect(decoded.options.map(({ code }) => code)).toEqual([53, 43, 60, 12, 15]);
    for (const { code, data } of many) expect(getOption(decoded, code)).toEqual(data);
  });

  test("never overloads file while it carries the boot file", () => {
    const packet = withOptions(u8Option(53, 2), filled(43, 50), filled(60, 60));
    const wire = encode(packet, { maxBytes: 310 });
    expect(decode(wire).file).toBe("snponly.efi");
    expect(wire.subarray(240 + 3 + 52, 240 + 3 + 52 + 3)).toEqual(hex("340102"));
    expect(codeOf(() => encode(withOptions(...many), { maxBytes: 310 }))).toBe("does-not-fit");
  });

  test("nor sname while it carries a name", () => {
    const packet = { ...withOptions(u8Option(53, 2), filled(43, 50), filled(60, 60)), sname: "relay" };
    expect(codeOf(() => encode(packet, { maxBytes: 310 }))).toBe("does-not-fit");
  });

  test("cuts an option between fields when none can hold it whole", () => {
    const packet = { ...withOptions(u8Option(53, 2), filled(43, 220)), file: "" };
    const wire = encode(packet, { maxBytes: 350 });
    expect(wire[108]).toBe(43);
    expect(decode(wire).options).toEqual(packet.options);
  });

  test("without maxBytes there is no overflow", () => {
    expect(decode(encode(withOptions(filled(43, 5000)))).file).toBe("snponly.efi");
  });
});

describe("D17 a value over 255 bytes is split", () => {
  test("into pieces of 255", () => {
    const wire = encode(withOptions(filled(43, 300)));
    expect(wire.subarray(240, 242)).toEqual(hex("2bff"));
    expect(wire.subarray(497, 499)).toEqual(hex("2b2d"));
    expect(decode(wire).options).toEqual([filled(43, 300)]);
  });

  test("256 is split, 255 is not", () => {
    expect(encodingLength(withOptions(filled(43, 255)))).toBe(240 + 257 + 1);
    expect(encodingLength(withOptions(filled(43, 256)))).toBe(240 + 260 + 1);
  });
});

describe("D18 option 82 is the last of the options field", () => {
  const relayed = bytesOption(82, hex("0104 65746830 0206 525400000001"));

  test("wherever it was given", () => {
    const decoded = decode(encode(withOptions(relayed, ...OFFER.options)));
    expect(decoded.options.at(-1)).toEqual(relayed);
    expect(decoded.options).toHaveLength(OFFER.options.length + 1);
  });

  test("and when others overflow", () => {
    const packet = { ...withOptions(relayed, u8Option(53, 2), filled(43, 30), filled(60, 60)), file: "" };
    const wire = encode(packet, { maxBytes: 300 });
    const end = wire.lastIndexOf(255);
    expect(wire.subarray(end - 14, end)).toEqual(relayed.data);
    expect(wire.subarray(end - 16, end - 14)).toEqual(hex("520e"));
    expect(wire[108]).toBe(60);
  });
});

describe("what has no encoding is refused", () => {
  test.each<[string, Partial<DhcpPacket>, string]>([
    ["op 3", { op: 3 as 1 }, "bad-field"],
    ["htype 256", { htype: 256 }, "bad-field"],
    ["hlen 17", { hlen: 17, chaddr: new Uint8Array(17) }, "bad-field"],
    ["hlen that is not chaddr's", { hlen: 5 }, "bad-field"],
    ["negative xid", { xid: -1 }, "bad-field"],
    ["secs 65536", { secs: 65536 }, "bad-field"],
    ["fractional flags", { flags: 0.5 }, "bad-field"],
    ["a name for an address", { siaddr: "relay" }, "bad-field"],
    ["an octet over 255", { giaddr: "10.0.0.256" }, "bad-field"],
    ["an octal octet", { yiaddr: "10.0.0.010" }, "bad-field"],
    ["128 bytes of file", { file: "x".repeat(128) }, "bad-field"],
    ["64 bytes of sname", { sname: "ß".repeat(32) }, "bad-field"],
    ["a NUL in file", { file: "a\0b" }, "bad-field"],
    ["option 0", { options: [filled(0, 1)] }, "bad-option"],
    ["option 255", { options: [filled(255, 1)] }, "bad-option"],
    ["option 52, which is encode's own", { options: [filled(52, 1)] }, "bad-option"],
    ["an option twice", { options: [filled(60, 1), filled(60, 2)] }, "bad-option"],
  ])("%s", (_, change, code) => {
    expect(codeOf(() => encode({ ...OFFER, ...change }))).toBe(code);
  });

  test("127 bytes of file and 63 of sname fit", () => {
    const packet = { ...OFFER, file: "x".repeat(127), sname: "y".repeat(63) };
    expect(decode(encode(packet))).toEqual(packet);
  });

  test("text is UTF-8", () => {
    const packet = { ...OFFER, file: "größe.efi", options: [textOption(67, "größe.efi")] };
    const decoded = decode(encode(packet));
    expect(decoded.file).toBe("größe.efi");
    expect(getText(decoded, 67)).toBe("größe.efi");
  });
});
