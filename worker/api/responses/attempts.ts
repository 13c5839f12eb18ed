import * as z from "zod";
import { ATTEMPT_STATES, ON_FAILURE } from "../../../core/boot/model.ts";
import { STAGES } from "../../../core/relay-protocol/events.ts";
import { nameSchema } from "../../schemas/values.ts";
import { EXAMPLE, idSchema, instantSchema, logOf, macSchema, pageOf, revisionSchema } from "./values.ts";

const exampleAttempt = {
  id: EXAMPLE.otherId,
  machine: EXAMPLE.id,
  profile: "debian-12",
  revision: EXAMPLE.revision,
  state: "armed",
  reason: null,
  serves: 0,
  installs: 0,
  retries: 0,
  answersRevoked: false,
  onFailure: "local",
  held: false,
  ttlSeconds: 86_400,
  installDeadlineSeconds: 14_400,
  armedAt: EXAMPLE.instant,
  expiresAt: EXAMPLE.later,
  committedAt: null,
  endedAt: null,
};
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
    onFailure: z.enum(ON_FAILURE).meta({ description: "What its machine boots where it failed" }),
    held: z.boolean().meta({ description: "It failed, and its machine boots so until somebody acts" }),
    ttlSeconds: z.number(),
    installDeadlineSeconds: z.number(),
    armedAt: instantSchema,
    expiresAt: instantSchema,
    committedAt: instantSchema.nullable(),
    endedAt: instantSchema.nullable(),
  })
  .meta({ id: "Attempt", description: "One run of an order to install", examples: [exampleAttempt] });
export const attemptPageSchema = pageOf(attemptSchema);
export const armedSchema = z
  .strictObject({ items: z.array(attemptSchema) })
  .meta({ examples: [{ items: [exampleAttempt] }] });

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
    .meta({
      id: "Event",
      examples: [
        {
          seq: 42,
          id: "0b6c1f0e-8b1a-4a58-9f0e-3a1f2b6c7d8e",
          at: EXAMPLE.instant,
          mac: "52:54:00:00:00:01",
          machine: EXAMPLE.id,
          relay: EXAMPLE.otherId,
          stage: "tftp",
          name: "sent",
          detail: { file: "snponly.efi", bytes: 173_792 },
        },
      ],
    }),
);
