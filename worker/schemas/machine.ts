import * as z from "zod";
import {
  bootFilesSchema,
  ifMatchSchema,
  ipv4Schema,
  macSchema,
  nameSchema,
  variablesSchema,
} from "./values.ts";

const labelKeySchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?$/, "1 to 63 of a-z 0-9 . _ / -");

const labelValueSchema = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, "up to 63 of A-Z a-z 0-9 . _ -");

/** `key=value,key2=value2`: machines that have all of these labels. */
export const selectorSchema = z.string().transform((text, context) => {
  const labels: Record<string, string> = {};
  for (const term of text.split(",")) {
    const [key, value, ...rest] = term.split("=");
    const fits =
      rest.length === 0 &&
      labelKeySchema.safeParse(key).success &&
      value !== undefined &&
      labelValueSchema.safeParse(value).success;
    if (!fits) context.addIssue({ code: "custom", message: `"${term}" is not key=value` });
    else labels[key!] = value;
  }
  return labels;
});

/** A path on an EFI system partition; FAT knows no case. */
const loaderPathSchema = z
  .string()
  .max(200)
  .regex(/^(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)+\.efi$/i, "a path with slashes, e.g. /EFI/debian/shimx64.efi");

const localBootSchema = z
  .strictObject({
    bios: z
      .union([z.literal("exit"), z.strictObject({ drive: z.int().min(128).max(255) })])
      .optional()
      .meta({ description: "The drive by its BIOS number (128 is the first disk), or back to the firmware" }),
    efi: z
      .union([z.literal("exit-success"), z.strictObject({ loader: loaderPathSchema })])
      .optional()
      .meta({ description: "Leaves the boot loader in success, or starts this one of the disk" }),
  })
  .meta({ description: "How it boots its own disk where the usual way does not do" });

const machineMembers = {
  name: nameSchema.optional(),
  macs: z.array(macSchema).max(16).optional(),
  uuid: z.guid().toLowerCase().optional(),
  serial: z.string().min(1).max(128).optional(),
  address: ipv4Schema.optional(),
  profile: nameSchema.optional(),
  bootFiles: bootFilesSchema.optional(),
  localBoot: localBootSchema.optional(),
  variables: variablesSchema.default({}),
  labels: z.record(labelKeySchema, labelValueSchema).optional(),
  protected: z
    .boolean()
    .optional()
    .meta({ description: "Arming it needs a confirmation, however few are armed" }),
};

export const machineSchema = z.strictObject(machineMembers).meta({
  id: "MachineInput",
  examples: [{ macs: ["52:54:00:00:00:01"], profile: "debian-12", labels: { rack: "a1" } }],
});

export type MachineInput = z.infer<typeof machineSchema>;

const machineKeySchema = z.string().min(1).max(64);

/** More machines than any site has: a site's fleet changes in one request. */
const MAX_BATCH = 20_000;

/** Several machines at once: all of it happens, or nothing. */
export const machineBatchSchema = z
  .strictObject({
    put: z
      .array(z.strictObject({ id: machineKeySchema, ifMatch: ifMatchSchema, ...machineMembers }))
      .max(MAX_BATCH)
      .default([]),
    delete: z
      .array(z.union([machineKeySchema, z.strictObject({ id: machineKeySchema, ifMatch: ifMatchSchema })]))
      .max(MAX_BATCH)
      .default([]),
    dryRun: z.boolean().default(false).meta({
      description: "Say what would happen and change nothing; the site need not be there yet",
    }),
  })
  .meta({
    id: "MachineBatch",
    examples: [
      { put: [{ id: "node2", macs: ["52:54:00:00:00:02"] }], delete: ["node1"] },
      { put: [{ id: "node2", ifMatch: null, macs: ["52:54:00:00:00:02"] }], dryRun: true },
    ],
  });

export type MachineBatch = z.output<typeof machineBatchSchema>;

/** A merge patch (RFC 7396): what comes of it is checked as a whole document. */
export const machinePatchSchema = z.record(z.string(), z.unknown()).meta({
  id: "MachinePatch",
  description: "Members of `MachineInput`; null takes one away",
  examples: [{ labels: { rack: "a2" }, address: null }],
});
