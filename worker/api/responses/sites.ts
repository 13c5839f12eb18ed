import * as z from "zod";
import { siteSettingsSchema } from "../../schemas/site.ts";
import { nameSchema } from "../../schemas/values.ts";
import { EXAMPLE, idSchema, instantSchema, macSchema, pageOf } from "./values.ts";

export const siteSchema = siteSettingsSchema
  .extend({ id: idSchema.meta({ description: "Immutable" }), name: nameSchema })
  .meta({
    id: "Site",
    examples: [
      {
        id: EXAMPLE.id,
        name: "lab",
        bootWaitSeconds: 300,
        variables: { timezone: "Etc/UTC" },
        policy: "discover",
        attestation: [{ cidr: "10.0.0.0/8", mode: "preferred" }],
        armLimit: { machines: 25, windowMinutes: 60 },
        directInstall: false,
      },
    ],
  });
export const sitePageSchema = pageOf(siteSchema);

export const joinTokenSchema = z
  .strictObject({
    token: z.string().meta({ description: "Joins one relay, once" }),
    expiresAt: instantSchema,
  })
  .meta({
    id: "JoinToken",
    examples: [{ token: `pxj_${EXAMPLE.id}_${EXAMPLE.otherId}_${EXAMPLE.secret}`, expiresAt: EXAMPLE.later }],
  });

export const joinedRelaySchema = z
  .strictObject({
    siteId: idSchema,
    siteName: nameSchema,
    relayId: idSchema,
    credential: z.string().meta({ description: "Shown this once" }),
  })
  .meta({
    id: "JoinedRelay",
    examples: [
      {
        siteId: EXAMPLE.id,
        siteName: "lab",
        relayId: EXAMPLE.otherId,
        credential: `pxr_${EXAMPLE.id}_${EXAMPLE.otherId}_${EXAMPLE.secret}`,
      },
    ],
  });

export const relaySchema = z
  .strictObject({
    id: idSchema,
    joinedAt: instantSchema,
    lastSeenAt: instantSchema.nullable().meta({ description: "To the minute" }),
  })
  .meta({
    id: "Relay",
    examples: [{ id: EXAMPLE.otherId, joinedAt: EXAMPLE.instant, lastSeenAt: EXAMPLE.later }],
  });
export const relayPageSchema = pageOf(relaySchema);

const bootTokenMembers = {
  id: idSchema,
  description: z.string(),
  createdAt: instantSchema,
  lastUsedAt: instantSchema.nullable().meta({ description: "To the minute" }),
};
const exampleBootToken = {
  id: EXAMPLE.otherId,
  description: "rack a1",
  createdAt: EXAMPLE.instant,
  lastUsedAt: null,
};
export const bootTokenPageSchema = pageOf(
  z.strictObject(bootTokenMembers).meta({ id: "BootToken", examples: [exampleBootToken] }),
);
export const newBootTokenSchema = z
  .strictObject({ ...bootTokenMembers, token: z.string().meta({ description: "Shown this once" }) })
  .meta({
    id: "NewBootToken",
    examples: [{ ...exampleBootToken, token: `pxb_${EXAMPLE.id}_${EXAMPLE.otherId}_${EXAMPLE.secret}` }],
  });

export const discoveredPageSchema = pageOf(
  z
    .strictObject({
      mac: macSchema,
      ip: z.ipv4().optional(),
      uuid: z.string().optional(),
      serial: z.string().optional(),
      arch: z.string().optional(),
      platform: z.string().optional(),
      firstSeenAt: instantSchema,
      lastSeenAt: instantSchema,
    })
    .meta({
      id: "DiscoveredMachine",
      description: "What an unknown machine said of itself",
      examples: [
        {
          mac: "52:54:00:00:00:99",
          ip: "192.168.77.60",
          serial: "S1",
          arch: "x86_64",
          platform: "efi",
          firstSeenAt: EXAMPLE.instant,
          lastSeenAt: EXAMPLE.later,
        },
      ],
    }),
);
