import { parseIpv4, type Ipv4 } from "../addresses.ts";

/**
 * Whether a machine must have been seen by the relay under one of its own MACs.
 * `preferred`: where the relay could not tell, as for routed clients, the MAC
 * that the machine names is believed. A MAC that contradicts is never accepted.
 */
export type AttestationMode = "required" | "preferred";

/** The mode for the clients of one network, e.g. `10.20.0.0/16`. */
export type AttestationRule = { readonly cidr: string; readonly mode: AttestationMode };

/** Parses an IPv4 network; `undefined` for anything else, or with bits set beyond the prefix. */
export function parseCidr(text: string): { network: number; prefixLength: number } | undefined {
  const match = /^([0-9.]+)\/(\d{1,2})$/.exec(text);
  const network = parseIpv4(match?.[1] ?? "");
  const prefixLength = Number(match?.[2]);
  if (network === undefined || !(prefixLength <= 32)) return undefined;
  return maskOf(network, prefixLength) === network ? { network, prefixLength } : undefined;
}

/** The mode for a client: the narrowest network that holds it decides; without one it is `required`. */
export function attestationOf(rules: readonly AttestationRule[], client: Ipv4 | null): AttestationMode {
  const address = client === null ? undefined : parseIpv4(client);
  if (address === undefined) return "required";
  let narrowest = -1;
  let mode: AttestationMode = "required";
  for (const rule of rules) {
    const cidr = parseCidr(rule.cidr);
    if (cidr === undefined || cidr.prefixLength <= narrowest) continue;
    if (maskOf(address, cidr.prefixLength) !== cidr.network) continue;
    narrowest = cidr.prefixLength;
    mode = rule.mode;
  }
  return mode;
}

function maskOf(address: number, prefixLength: number): number {
  const size = 2 ** (32 - prefixLength);
  return Math.floor(address / size) * size;
}
