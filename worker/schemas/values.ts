import * as z from "zod";
import { parseIpv4, parseMac } from "../../core/addresses.ts";
import { BOOT_FILE_NAME, BOOT_FILE_NAME_RULE } from "../../core/pxe/boot-file-name.ts";
import { FIRMWARE_CLASSES } from "../../core/relay-protocol/state.ts";
import { MAX_LIST_MEMBERS } from "../../core/render/variables.ts";

/** Names of sites, machines, profiles, templates and images: they stand in URLs and file names. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
    "1 to 63 of a-z 0-9 . _ -, first and last a letter or digit",
  )
  .refine((name) => !name.includes(".."), "must not contain '..'");

/** A relative path inside an image: no empty, `.` or `..` segments. */
export const filePathSchema = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9._~+-]+(?:\/[A-Za-z0-9._~+-]+)*$/,
    "letters, digits and . _ ~ + - between single slashes",
  )
  .refine(
    (path) => !path.split("/").some((part) => part === "." || part === ".."),
    "no '.' or '..' segments",
  );

export const macSchema = z.string().transform((text, context) => {
  const mac = parseMac(text);
  if (mac === undefined) context.addIssue({ code: "custom", message: `"${text}" is not a MAC address` });
  return mac ?? z.NEVER;
});

export const ipv4Schema = z.string().refine((text) => parseIpv4(text) !== undefined, "not an IPv4 address");

/** What a variable can hold. */
export const variableValueSchema = z.union([
  z.string().max(65_536),
  z.number(),
  z.boolean(),
  z.array(z.string().max(65_536)).max(MAX_LIST_MEMBERS),
]);

export const variablesSchema = z.record(
  z.string().regex(/^[a-z][a-zA-Z0-9_]*$/, "a variable's name is a letter, then letters, digits and _"),
  variableValueSchema,
);

/** By firmware class, in order of preference; checked here, as a relay can only fail to find them. */
export const bootFilesSchema = z.partialRecord(
  z.enum(FIRMWARE_CLASSES),
  z.array(z.string().regex(BOOT_FILE_NAME, BOOT_FILE_NAME_RULE)).min(1).max(16),
);

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");

/** What a batch asks of the present state of one of its members. */
export const ifMatchSchema = z.string().max(100).nullable().optional().meta({
  description: "Only if this is the present ETag, without its quotes; null: only if there is none. Else 412",
});
