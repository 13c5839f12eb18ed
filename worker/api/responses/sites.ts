import * as z from "zod";
import { nameSchema, siteSettingsSchema } from "../../schemas.ts";
import { idSchema, instantSchema, macSchema, pageOf } from "./values.ts";

export const siteSchema = siteSettingsSchema
  .extend({ id: idSchema.meta({ description: "Immutable" }), name: nameSchema })
  .meta({ id: "Site" });
export const sitePageSchema = pageOf(siteSchema);

export const joinTokenSchema = z
  .strictObject({
    token: z.string().meta({ description: "Joins one relay, once" }),
    expiresAt: instantSchema,
  })
  .meta({ id: "JoinToken" });

export const joinedRelaySchema = z
  .strictObject({
    siteId: idSchema,
    siteName: nameSchema,
    relayId: idSchema,
    credential: z.string().meta({ description: "Shown this once" }),
  })
  .meta({ id: "JoinedRelay" });

export const relaySchema = z
  .strictObject({
    id: idSchema,
    joinedAt: instantSchema,
    lastSeenAt: instantSchema.nullable().meta({ description: "To the minute" }),
  })
  .meta({ id: "Relay" });
export const relayPageSchema = pageOf(relaySchema);

const bootTokenMembers = {
  id: idSchema,
  description: z.string(),
  createdAt: instantSchema,
  lastUsedAt: instantSchema.nullable().meta({ description: "To the minute" }),
};
export const bootTokenPageSchema = pageOf(z.strictObject(bootTokenMembers).meta({ id: "BootToken" }));
export const newBootTokenSchema = z
  .strictObject({ ...bootTokenMembers, token: z.string().meta({ description: "Shown this once" }) })
  .meta({ id: "NewBootToken" });

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
    .meta({ id: "DiscoveredMachine", description: "What an unknown machine said of itself" }),
);
