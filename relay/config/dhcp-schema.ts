import { z } from "zod";
import { addressOrRange, ipv4, network, range } from "./addresses-schema.ts";
import type { AddressRange, DhcpConfig, DhcpProxyConfig, DhcpServerConfig, SubnetConfig } from "./model.ts";
import { options } from "./option-schema.ts";

export const port = z.int().min(1, "must be a port, 1 to 65535").max(65535, "must be a port, 1 to 65535");

const domain = z
  .string()
  .regex(/^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i, "must be a domain name");

const DEFAULT_LEASE_SECONDS = 3600;
const leaseSeconds = z.int().min(10, "must be at least 10").max(0xffff_fffe, "is too large");

/** As written: one range or several, and what is not said is left to be inherited. */
const settings = {
  range: range.optional(),
  ranges: z.array(range).min(1).optional(),
  exclude: z.array(addressOrRange).default([]),
  router: ipv4.optional(),
  dns: z.array(ipv4).optional(),
  domain: domain.optional(),
  ntp: z.array(ipv4).optional(),
  mtu: z.int().min(576, "must be at least 576").max(65_535, "is too large").optional(),
  options: options.optional(),
  leaseSeconds: leaseSeconds.optional(),
};

const listener = {
  answer: z.enum(["any", "registered"]).default("any"),
  vendorClasses: z.array(z.string().min(1)).default([]),
  port: port.default(67),
  clientPort: port.default(68),
};

const subnet = z.strictObject({ network, ...settings });

const server = z
  .strictObject({
    mode: z.literal("server"),
    ...settings,
    ...listener,
    subnets: z.array(subnet).default([]),
    authoritative: z.boolean().default(false),
    probe: z.boolean().default(true),
    leasesPerPort: z.int().min(1, "must be at least 1").default(64),
  })
  .superRefine((given, context) => {
    // A forgotten range, unless there is something else to give out.
    const needless = given.answer === "registered" || given.subnets.length > 0 || given.ranges !== undefined;
    if (given.range !== undefined || needless) return;
    context.addIssue({ code: "invalid_type", expected: "array", path: ["range"], input: undefined });
  });

const proxy = z.strictObject({
  mode: z.enum(["proxy", "auto"]),
  ...listener,
  bootPort: port.default(4011),
});

/** Names of all that may stand under `dhcp`, whatever the mode. */
export const DHCP_KEYS: readonly string[] = [
  ...new Set([...Object.keys(server.shape), ...Object.keys(proxy.shape)]),
];
export const SUBNET_KEYS: readonly string[] = Object.keys(subnet.shape);
export const DHCP_MODES = ["server", "proxy", "auto", "off"] as const;

/** The `dhcp` of an interface. */
export const dhcp = z.discriminatedUnion("mode", [z.strictObject({ mode: z.literal("off") }), server, proxy]);

/** Fills in what was left to be inherited: a further network has the first one's servers and times. */
export function completeDhcp(given: z.output<typeof dhcp>): DhcpConfig {
  if (given.mode === "off") return given;
  if (given.mode !== "server") return given satisfies DhcpProxyConfig;
  const { range, ...rest } = given;
  const own = {
    ...rest,
    ranges: rangesOf(range, given.ranges),
    dns: given.dns ?? [],
    ntp: given.ntp ?? [],
    options: given.options ?? [],
    leaseSeconds: given.leaseSeconds ?? DEFAULT_LEASE_SECONDS,
  };
  const subnets = given.subnets.map(({ range, ...each }): SubnetConfig => {
    const inheritedDomain = each.domain ?? given.domain;
    return {
      ...each,
      ranges: rangesOf(range, each.ranges),
      dns: each.dns ?? own.dns,
      ntp: each.ntp ?? own.ntp,
      options: each.options ?? own.options,
      leaseSeconds: each.leaseSeconds ?? own.leaseSeconds,
      ...(inheritedDomain !== undefined && { domain: inheritedDomain }),
    };
  });
  return { ...own, subnets } satisfies DhcpServerConfig;
}

function rangesOf(one: AddressRange | undefined, several: readonly AddressRange[] = []): AddressRange[] {
  return one === undefined ? [...several] : [one, ...several];
}
