import * as z from "zod";
import { ATTEMPT_STATES } from "../../../core/boot/model.ts";
import { STAGES } from "../../../core/relay-protocol/events.ts";
import { nameSchema } from "../../schemas.ts";
import { idSchema, instantSchema, logOf, macSchema, pageOf, revisionSchema } from "./values.ts";

export const attemptSchema = z
  .strictObject({
    id: idSchema,
    machine: idSchema,
    profile: nameSchema,
    revision: revisionSchema.meta({ description: "Of the profile, pinned when it was armed" }),
    state: z.enum(ATTEMPT_STATES),
    reason: z.string().nullable().meta({ description: "Why it ended, where the state does not say" }),
    serves: z.int().meta({ description: "How often the script was served since the last (re-)arm" }),
    installs: z.int().meta({ description: "Commits so far: never more than 1 + retries" }),
    retries: z.int(),
    answersRevoked: z.boolean(),
    ttlSeconds: z.number(),
    installDeadlineSeconds: z.number(),
    armedAt: instantSchema,
    expiresAt: instantSchema,
    committedAt: instantSchema.nullable(),
    endedAt: instantSchema.nullable(),
  })
  .meta({ id: "Attempt", description: "One run of an order to install" });
export const attemptPageSchema = pageOf(attemptSchema);
export const armedSchema = z.strictObject({ items: z.array(attemptSchema) });

export const eventLogSchema = logOf(
  z
    .strictObject({
      seq: z.int(),
      id: z.string(),
      at: instantSchema.meta({ description: "When it was observed" }),
      mac: macSchema.nullable(),
      machine: idSchema.nullable(),
      relay: idSchema.nullable().meta({ description: "null: the control plane itself" }),
      attempt: idSchema.optional(),
      stage: z.enum(STAGES),
      name: z.string(),
      detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    })
    .meta({ id: "Event" }),
);
