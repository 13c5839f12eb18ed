import { isAbsolute } from "node:path";
import { z } from "zod";

import { BOOT_FILE_NAME, BOOT_FILE_NAME_RULE } from "../../core/pxe/boot-file-name.ts";
import { FIRMWARE_CLASSES } from "../../core/relay-protocol/state.ts";
import { ipv4 } from "./addresses-schema.ts";
import { byteSize } from "./byte-size.ts";
import { byteRate } from "./byte-rate.ts";
import { completeDhcp, dhcp, port } from "./dhcp-schema.ts";
import type { RelayConfig } from "./model.ts";

const absolutePath = z
  .string()
  .refine((text) => isAbsolute(text) && !text.includes("\0"), { error: "must be an absolute path" });

/** The kernel's IFNAMSIZ holds 15 characters and a NUL. */
const interfaceName = z
  .string()
  .regex(/^[^\s/]{1,15}$/, "must be the name of a network interface, 1 to 15 characters without / or blanks");

const bootFile = z.string().regex(BOOT_FILE_NAME, BOOT_FILE_NAME_RULE);

const interfaces = z
  .array(z.strictObject({ name: interfaceName, dhcp: dhcp.transform(completeDhcp) }))
  .min(1, "must name at least one interface: nothing is answered on an interface that is not named")
  .superRefine(refuseRepeatedNames, { when: ({ value }) => Array.isArray(value) });

/** Runs beside other problems too, so that all are told at once: the list may hold anything. */
function refuseRepeatedNames(list: readonly unknown[], context: z.RefinementCtx): void {
  const seen = new Set<unknown>();
  for (const [index, item] of list.entries()) {
    const name = (item as { name?: unknown } | null | undefined)?.name;
    if (typeof name === "string" && seen.has(name)) {
      context.addIssue({ code: "custom", path: [index, "name"], message: `${name} is named twice` });
    }
    seen.add(name);
  }
}

/** The first that exists in the TFTP root is offered. */
const DEFAULT_BOOT_FILES = {
  bios: ["undionly.kpxe"],
  "efi-ia32": [],
  "efi-x86_64": ["snponly.efi", "ipxe.efi", "ipxe-amd64.efi"],
  "efi-arm32": [],
  "efi-arm64": ["ipxe-arm64.efi"],
  "efi-riscv64": ["ipxe-riscv64.efi"],
  "efi-loongarch64": ["ipxe-loong64.efi"],
  "raspberry-pi": ["bootcode.bin", "start4.elf", "config.txt"],
} satisfies RelayConfig["bootFiles"];

const bootFiles = z
  .strictObject(
    Object.fromEntries(FIRMWARE_CLASSES.map((name) => [name, z.array(bootFile).optional()])) as Record<
      (typeof FIRMWARE_CLASSES)[number],
      z.ZodOptional<z.ZodArray<typeof bootFile>>
    >,
  )
  .transform((given): RelayConfig["bootFiles"] => ({ ...DEFAULT_BOOT_FILES, ...given }));

const controlPlaneUrl = z
  .string()
  .refine(isOrigin, {
    error: "must be the http:// or https:// address of the control plane, without a path, query or password",
  })
  .transform((text) => new URL(text).origin);

/** Whether a text is an http(s) URL that names a server and nothing else. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol)) return false;
  return url.username === "" && url.password === "" && url.pathname === "/" && url.search + url.hash === "";
}

/** iPXE gives up on a script after 15 seconds. */
const decisionSeconds = z
  .number()
  .refine((seconds) => seconds >= 0.5 && seconds <= 10, { error: "must be 0.5 to 10 seconds" });

const mirrorName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "a mirror's name is lower-case letters, digits, dots, - and _");

const pathPattern = z
  .string()
  .regex(/^\/[^\s?#]*$/, "must be a pattern of paths below the upstream that begins with /, e.g. /isos/**");

const mirror = z.strictObject({
  upstream: z
    .string()
    .refine(isWebFolder, { error: "must be an http:// or https:// address, without a query or password" })
    .transform((text) => text.replace(/\/+$/, "")),
  redirects: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9.-]+(?::\d{1,5})?$/, "must be a host name, in lower case, with its port if need be"),
    )
    .default([]),
  immutable: z.array(pathPattern).default([]),
});

function isWebFolder(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol)) return false;
  return url.username === "" && url.password === "" && url.search + url.hash === "";
}

/** `relay.yaml` as data: what is required, what it defaults to, what it may hold. */
export const relayConfigSchema = z.strictObject({
  controlPlane: z.strictObject({ url: controlPlaneUrl, decisionSeconds: decisionSeconds.default(3) }),
  stateDir: absolutePath.default("/var/lib/pxedge"),
  interfaces,
  tftp: z.strictObject({ root: absolutePath.default("/usr/lib/ipxe"), port: port.default(69) }).prefault({}),
  http: z
    .strictObject({
      port: port.default(8080),
      maxRate: byteRate.nullable().default(null),
      maxRatePerClient: byteRate.nullable().default(null),
    })
    .prefault({}),
  admin: z.strictObject({ address: ipv4.default("127.0.0.1"), port: port.default(9180) }).prefault({}),
  bootFiles: bootFiles.prefault({}),
  cache: z
    .strictObject({
      maxBytes: byteSize.prefault("50GiB"),
      mirrorBytes: byteSize.nullable().default(null),
      maxRate: byteRate.nullable().default(null),
      prefetch: z.boolean().default(true),
    })
    .refine(({ maxBytes, mirrorBytes }) => (mirrorBytes ?? 0) <= maxBytes, {
      path: ["mirrorBytes"],
      error: "is a part of cache.maxBytes, and must not be larger",
    })
    .prefault({}),
  mirrors: z.record(mirrorName, mirror).default({}),
  log: z
    .strictObject({
      level: z.enum(["debug", "info", "warn", "error"]).default("info"),
      format: z.enum(["json", "pretty"]).default("json"),
    })
    .prefault({}),
}) satisfies z.ZodType<RelayConfig>;
