import * as z from "zod";
import { parseCidr } from "../../core/boot/attestation.ts";
import { WEEKDAYS, isTimeZone } from "../../core/boot/windows.ts";
import { bootFilesSchema, nameSchema, variablesSchema } from "./values.ts";

const timeOfDaySchema = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "HH:MM, from 00:00 to 23:59");

/** See `InstallWindow`. */
const windowSchema = z
  .strictObject({
    days: z.array(z.enum(WEEKDAYS)).min(1).max(7),
    from: timeOfDaySchema,
    to: timeOfDaySchema.meta({ description: "Where it is not later than `from`: on the next day" }),
    timeZone: z
      .string()
      .refine(isTimeZone, "a time zone such as Europe/Berlin, or an offset such as +02:00")
      .default("UTC"),
  })
  .meta({ examples: [{ days: ["sat"], from: "22:00", to: "04:00", timeZone: "Europe/Berlin" }] });

const cidrSchema = z
  .string()
  .refine((text) => parseCidr(text) !== undefined, "not an IPv4 network such as 10.0.0.0/8");

const siteMembers = {
  bootWaitSeconds: z.int().min(10).max(86_400).nullable().default(300).meta({
    description: "Stage one gives up after so long and boots the local disk; null: never",
  }),
  bootFiles: bootFilesSchema.optional().meta({ description: "By firmware class, in order of preference" }),
  variables: variablesSchema.default({}),
  policy: z.enum(["local", "discover"]).default("local").meta({
    description: "What becomes of unknown machines: they boot their disk, or do so and are recorded",
  }),
  attestation: z
    .array(z.strictObject({ cidr: cidrSchema, mode: z.enum(["required", "preferred"]) }))
    .max(256)
    .default([])
    .meta({
      description:
        "Whether a machine whose MAC the relay could not observe is believed; the narrowest network counts, else `required`",
    }),
  armLimit: z
    .strictObject({
      machines: z.int().min(0).max(100_000).default(25),
      windowMinutes: z.int().min(1).max(10_080).default(60),
    })
    .prefault({})
    .meta({ description: "So many machines may be armed within the window without a confirmation" }),
  directInstall: z.boolean().default(false).meta({
    description: "Whether machines without a relay, whose MAC nobody observed, may install",
  }),
  defaultProfile: nameSchema.optional().meta({
    description: "What machines without a profile of their own boot while nothing is armed",
  }),
  menuInstall: z.boolean().default(false).meta({
    description: "Whether what installs may be chosen in a menu",
  }),
  windows: z.array(windowSchema).max(64).default([]).meta({
    description: "When installs may begin; without any, always",
  }),
};

export const siteSettingsSchema = z.strictObject(siteMembers);

export const siteSchema = z
  .strictObject({ name: nameSchema, ...siteMembers })
  .meta({ id: "NewSite", examples: [{ name: "lab", policy: "discover" }] });

export const siteUpdateSchema = z
  .strictObject({ name: nameSchema.optional(), ...siteMembers })
  .meta({ id: "SiteInput", examples: [{ armLimit: { machines: 50 }, variables: { timezone: "Etc/UTC" } }] });

/** A site's settings as both objects store them. */
export type SiteSettings = z.infer<typeof siteSettingsSchema>;

export const bootTokenSchema = z
  .strictObject({ description: z.string().max(200).default("") })
  .meta({ id: "BootTokenInput", examples: [{ description: "rack a1" }] });

export const joinSchema = z.strictObject({ token: z.string().max(200) }).meta({
  id: "JoinOrder",
  examples: [{ token: `pxj_9f3c0a71d2e4b586_51c2f08e7a3d9b64_${"0123456789abcdef".repeat(2)}` }],
});
