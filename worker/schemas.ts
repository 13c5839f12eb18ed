import * as z from "zod";
import { parseIpv4, parseMac } from "../core/addresses.ts";
import { parseCidr } from "../core/boot/attestation.ts";
import { isTimeZone, WEEKDAYS } from "../core/boot/windows.ts";
import { MAX_EVENTS_PER_POST, EVENT_NAMES, isCallbackName, STAGES } from "../core/relay-protocol/events.ts";
import { BOOT_FILE_NAME, BOOT_FILE_NAME_RULE } from "../core/pxe/boot-file-name.ts";
import { FIRMWARE_CLASSES } from "../core/relay-protocol/state.ts";
import { MAX_LIST_MEMBERS } from "../core/render/variables.ts";
import { ROLES } from "./access.ts";
import { isPublicOrigin } from "./upstream.ts";

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
  .regex(/^[A-Za-z0-9._+-]+(?:\/[A-Za-z0-9._+-]+)*$/, "letters, digits and . _ + - between single slashes")
  .refine(
    (path) => !path.split("/").some((part) => part === "." || part === ".."),
    "no '.' or '..' segments",
  );

const macSchema = z.string().transform((text, context) => {
  const mac = parseMac(text);
  if (mac === undefined) context.addIssue({ code: "custom", message: `"${text}" is not a MAC address` });
  return mac ?? z.NEVER;
});

const ipv4Schema = z.string().refine((text) => parseIpv4(text) !== undefined, "not an IPv4 address");

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
const bootFilesSchema = z.partialRecord(
  z.enum(FIRMWARE_CLASSES),
  z.array(z.string().regex(BOOT_FILE_NAME, BOOT_FILE_NAME_RULE)).min(1).max(16),
);

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

const machineMembers = {
  name: nameSchema.optional(),
  macs: z.array(macSchema).max(16).optional(),
  uuid: z.guid().toLowerCase().optional(),
  serial: z.string().min(1).max(128).optional(),
  address: ipv4Schema.optional(),
  profile: nameSchema.optional(),
  bootFiles: bootFilesSchema.optional(),
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

export const templateSchema = z.strictObject({ text: z.string().max(262_144) }).meta({
  id: "Template",
  examples: [{ text: "---\nkind: shell\ndescription: A note\n---\necho {{machine.name}}\n" }],
});
export type TemplateDocument = z.infer<typeof templateSchema>;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");
const originSchema = z
  .string()
  .refine(isPublicOrigin, "an origin is https:// and a public host name, without a path");
const storedFileSchema = z.strictObject({ sha256: sha256Schema });
const upstreamFileSchema = z.strictObject({
  url: z.url({ protocol: /^https$/ }).max(2_000),
  sha256: sha256Schema,
  sizeBytes: z.int().min(0),
});
export const imageSchema = z
  .strictObject({
    files: z
      .record(filePathSchema, z.union([storedFileSchema, upstreamFileSchema]))
      .refine((files) => Object.keys(files).length > 0, "an image has at least one file"),
    delivery: z.enum(["stream", "redirect"]).default("stream").meta({
      description:
        "How machines without a relay get uploaded files: through the Worker, or from the bucket itself",
    }),
    origins: z.array(originSchema).max(8).default([]).meta({
      description: "Where files with a `url` may come from, redirects included",
    }),
  })
  .superRefine(({ files, origins }, context) => {
    for (const [path, file] of Object.entries(files)) {
      if (!("url" in file) || origins.includes(new URL(file.url).origin)) continue;
      const message = "is of no origin that the image lists in `origins`";
      context.addIssue({ code: "custom", path: ["files", path, "url"], message });
    }
  })
  .meta({
    id: "ImageInput",
    examples: [
      { files: { linux: { sha256: "3f2a9c0d5e6b7184".repeat(4) } } },
      {
        files: {
          linux: {
            url: "https://images.example.org/debian/linux",
            sha256: "3f2a9c0d5e6b7184".repeat(4),
            sizeBytes: 8_000_000,
          },
        },
        origins: ["https://images.example.org"],
      },
    ],
  });
export const completeUploadSchema = z.strictObject({
  sha256: sha256Schema,
  parts: z
    .array(z.strictObject({ part: z.int().min(1).max(10_000), etag: z.string().max(200) }))
    .min(1)
    .optional()
    .meta({ description: "In their order; by default all that arrived" }),
});

/** Several machines at once: all of it happens, or nothing. */
export const machineBatchSchema = z
  .strictObject({
    put: z
      .array(z.strictObject({ id: z.string().min(1).max(64), ...machineMembers }))
      .max(1_000)
      .default([]),
    delete: z.array(z.string().min(1).max(64)).max(1_000).default([]),
  })
  .meta({
    id: "MachineBatch",
    examples: [{ put: [{ id: "node2", macs: ["52:54:00:00:00:02"] }], delete: ["node1"] }],
  });
export type MachineBatch = z.infer<typeof machineBatchSchema>;

const armMembers = {
  ttlSeconds: z.int().min(60).max(604_800).default(86_400),
  retries: z.int().min(0).max(5).default(0),
  variables: variablesSchema.default({}),
  confirmCount: z.int().min(0).optional().meta({
    description: "How many machines the order arms, where that needs a confirmation",
  }),
};
export const armSchema = z
  .strictObject({
    ...armMembers,
    profile: nameSchema.optional().meta({ description: "Instead of the machine's own" }),
    supersede: z
      .string()
      .max(64)
      .optional()
      .meta({ description: "The active attempt that this one replaces" }),
  })
  .meta({ id: "ArmOrder", examples: [{ profile: "debian-12", retries: 1 }] });
export const siteArmSchema = z
  .strictObject({
    ...armMembers,
    profile: nameSchema,
    ids: z.array(z.string().min(1).max(64)).min(1).max(1_000).optional(),
    selector: selectorSchema.optional(),
  })
  .refine((order) => (order.ids === undefined) !== (order.selector === undefined), {
    message: "give either ids or a selector",
    path: ["ids"],
  })
  .meta({
    id: "SiteArmOrder",
    examples: [{ profile: "debian-12", selector: "rack=a1", confirmCount: 12 }],
  });

export const tokenSchema = z
  .strictObject({
    name: z.string().min(1).max(100),
    role: z.enum(ROLES),
    sites: z.array(nameSchema).min(1).max(1_000).optional().meta({
      description: "Names; absent: all sites, and what belongs to none",
    }),
    expiresInSeconds: z.int().min(60).max(315_360_000).optional(),
  })
  .meta({ id: "TokenOrder", examples: [{ name: "ci", role: "operator", sites: ["lab"] }] });

/** A secret's name stands in templates: `{{secret.NAME}}`. */
export const secretNameSchema = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/, "a letter, then up to 62 letters, digits and _");
export const secretSchema = z
  .strictObject({ value: z.string().min(1).max(65_536) })
  .meta({ id: "SecretInput", examples: [{ value: "$6$salt$hash" }] });

export const rollbackSchema = z.strictObject({ revision: z.string().max(64) }).meta({
  id: "Rollback",
  examples: [{ revision: "3f2a9c0d5e6b71843f2a9c0d5e6b7184" }],
});

export const bootTokenSchema = z
  .strictObject({ description: z.string().max(200).default("") })
  .meta({ id: "BootTokenInput", examples: [{ description: "rack a1" }] });

export const joinSchema = z.strictObject({ token: z.string().max(200) }).meta({
  id: "JoinOrder",
  examples: [{ token: `pxj_9f3c0a71d2e4b586_51c2f08e7a3d9b64_${"0123456789abcdef".repeat(2)}` }],
});

/** A merge patch (RFC 7396): what comes of it is checked as a whole document. */
export const machinePatchSchema = z.record(z.string(), z.unknown()).meta({
  id: "MachinePatch",
  description: "Members of `MachineInput`; null takes one away",
  examples: [{ labels: { rack: "a2" }, address: null }],
});

export const eventSchema = z
  .strictObject({
    id: z.string().min(1).max(64),
    at: z.iso.datetime({ precision: 3 }),
    mac: macSchema.nullable(),
    attempt: z.string().max(64).optional(),
    stage: z.enum(STAGES),
    name: z.string().max(40),
    detail: z.record(z.string().max(40), z.union([z.string().max(1_000), z.number(), z.boolean(), z.null()])),
    capabilityHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .refine((event) => (EVENT_NAMES[event.stage] as readonly string[]).includes(event.name), {
    message: "no such event name in this stage",
    path: ["name"],
  })
  .refine((event) => event.capabilityHash === undefined || isCallbackName(event.name), {
    message: "only a callback has one",
    path: ["capabilityHash"],
  });
export type ReportedEvent = z.infer<typeof eventSchema>;

/** A relay's POST of events, before each one is looked at. */
export const eventBatchSchema = z.array(z.unknown()).max(MAX_EVENTS_PER_POST);
