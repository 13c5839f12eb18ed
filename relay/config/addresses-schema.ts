import { z } from "zod";
import { parseIpv4 } from "../../core/addresses.ts";
import type { AddressRange } from "./model.ts";

/** An IPv4 address in dotted decimal. */
export const ipv4 = z.string().refine((text) => parseIpv4(text) !== undefined, {
  error: (issue) => `${String(issue.input)} is not an IPv4 address`,
});

/** `[first, last]`, in order. */
export const range = z
  .tuple([ipv4, ipv4], { error: "must be two addresses, [first, last]" })
  .refine(isInOrder, {
    error: (issue) => {
      const [first, last] = issue.input as [string, string];
      return `ends (${last}) before it starts (${first})`;
    },
  });

/** An address, or `[first, last]`. */
export const addressOrRange = z
  .union([ipv4, range], { error: "must be an address, or two: [first, last]" })
  .transform((value): AddressRange => (typeof value === "string" ? [value, value] : value));

/** A network such as `10.20.0.0/16`: its first address and the length of its prefix. */
export const network = z.string().refine((text) => parseNetwork(text) !== undefined, {
  error: (issue) =>
    `${String(issue.input)} is not a network, such as 10.20.0.0/16 (its first address, and a prefix of 8 to 30 bits)`,
});

/** First address and mask of a network's text as unsigned numbers; `undefined` if it is none. */
export function parseNetwork(text: string): { first: number; mask: number } | undefined {
  const [address = "", bits = "", ...rest] = text.split("/");
  const first = parseIpv4(address);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 0;
  if (first === undefined || rest.length > 0 || prefix < 8 || prefix > 30) return undefined;
  const mask = (0xffff_ffff << (32 - prefix)) >>> 0;
  return (first & mask) >>> 0 === first ? { first, mask } : undefined;
}

/** Addresses that are none have a problem of their own. */
function isInOrder([first, last]: [string, string]): boolean {
  const [from, to] = [parseIpv4(first), parseIpv4(last)];
  return from === undefined || to === undefined || from <= to;
}
