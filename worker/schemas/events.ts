import * as z from "zod";
import {
  EVENT_NAMES,
  MAX_EVENTS_PER_POST,
  STAGES,
  isCallbackName,
} from "../../core/relay-protocol/events.ts";
import { macSchema } from "./values.ts";

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
