import { z } from "zod";
import { parseHex } from "../../core/bytes.ts";
import {
  bytesOption,
  type DhcpOption,
  ipv4ListOption,
  OPTION,
  textOption,
  u16Option,
  u32Option,
  u8Option,
} from "../../core/dhcp-packet/index.ts";
import { ipv4 } from "./addresses-schema.ts";

/** Options that have a setting of their own, or that the protocol or the boot needs to be right. */
const RESERVED: ReadonlyMap<number, string> = new Map([
  [OPTION.SUBNET_MASK, "it follows from the network"],
  [OPTION.ROUTER, "use router"],
  [OPTION.DOMAIN_NAME_SERVER, "use dns"],
  [OPTION.DOMAIN_NAME, "use domain"],
  [OPTION.INTERFACE_MTU, "use mtu"],
  [OPTION.BROADCAST_ADDRESS, "it follows from the network"],
  [OPTION.NTP_SERVERS, "use ntp"],
  [OPTION.IP_ADDRESS_LEASE_TIME, "use leaseSeconds"],
  [OPTION.TFTP_SERVER_NAME, "use bootFiles"],
  [OPTION.BOOTFILE_NAME, "use bootFiles"],
  ...[50, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 82, 93, 94, 97, 175].map(
    (code) => [code, "the relay sets it, or its clients do"] as const,
  ),
]);

/** Text as it is, or bytes in one of several notations. */
const optionValue = z.union(
  [
    z.string(),
    z.strictObject({ hex: z.string().refine((text) => parseHex(text) !== undefined) }),
    z.strictObject({ ip: z.array(ipv4).min(1) }),
    z.strictObject({ u8: z.int().min(0).max(0xff) }),
    z.strictObject({ u16: z.int().min(0).max(0xffff) }),
    z.strictObject({ u32: z.int().min(0).max(0xffff_ffff) }),
  ],
  { error: "must be text, { hex: 0a0b }, { ip: [192.0.2.1] }, { u8: 1 }, { u16: 1 } or { u32: 1 }" },
);

/** Options by their code, e.g. `{ 150: { ip: [192.0.2.1] }, 252: "http://wpad.example/" }`. */
export const options = z
  .record(z.string(), optionValue)
  .superRefine((given, context) => {
    for (const code of Object.keys(given)) {
      const reason = refusal(code);
      if (reason !== undefined) context.addIssue({ code: "custom", path: [code], message: reason });
    }
  })
  .transform((given) => Object.entries(given).map(([code, value]) => toOption(Number(code), value)));

function refusal(code: string): string | undefined {
  const number = Number(code);
  if (!/^\d{1,3}$/.test(code) || number < 1 || number > 254) return "is not an option code, 1 to 254";
  const reason = RESERVED.get(number);
  return reason === undefined ? undefined : `cannot be set here: ${reason}`;
}

function toOption(code: number, value: z.infer<typeof optionValue>): DhcpOption {
  if (typeof value === "string") return textOption(code, value);
  if ("hex" in value) return bytesOption(code, parseHex(value.hex)!);
  if ("ip" in value) return ipv4ListOption(code, value.ip);
  if ("u8" in value) return u8Option(code, value.u8);
  if ("u16" in value) return u16Option(code, value.u16);
  return u32Option(code, value.u32);
}
