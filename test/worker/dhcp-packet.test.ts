import { expect, test } from "vitest";
import {
  bytesOption,
  decode,
  DecodeError,
  encode,
  encodingLength,
  getText,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u8Option,
} from "../../core/dhcp-packet/index.ts";

test("dhcp-packet runs in workerd", () => {
  const vendorClass = "PXEClient:Arch:00007:UNDI:003016";
  const bytes = encode({
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
    chaddr: Uint8Array.of(0x52, 0x54, 0, 0, 0, 1),
    sname: "",
    file: "",
    options: [
      u8Option(OPTION.MESSAGE_TYPE, MESSAGE_TYPE.DISCOVER),
      textOption(OPTION.VENDOR_CLASS_IDENTIFIER, vendorClass),
      // Two pieces on the wire (RFC 3396).
      bytesOption(250, new Uint8Array(300).fill(7)),
    ],
  });
  const packet = decode(bytes);
  expect(getText(packet, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe(vendorClass);
  expect(encodingLength(packet)).toBe(bytes.length);
  expect(encode(packet)).toEqual(bytes);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decode(bytes.subarray(0, length))).toThrow(DecodeError);
  }
});
