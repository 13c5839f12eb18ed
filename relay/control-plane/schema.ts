import { z } from "zod";

import { parseIpv4, parseMac } from "../../core/addresses.ts";
import { IMAGE_CHUNK_BYTES, type RelayImageManifest } from "../../core/relay-protocol/image-manifest.ts";
import { FIRMWARE_CLASSES, type RelayState } from "../../core/relay-protocol/state.ts";

/*
 * What the control plane says, checked: a relay acts on it with root's ports.
 * Members that a newer control plane adds are dropped, so that it may add them.
 */

const macSchema = z.string().transform((text, context) => {
  const mac = parseMac(text);
  if (mac === undefined) context.addIssue("not a MAC address");
  return mac ?? z.NEVER;
});

const ipv4Schema = z.string().refine((text) => parseIpv4(text) !== undefined, "not an IPv4 address");

const bootFilesSchema = z.object(
  Object.fromEntries(
    FIRMWARE_CLASSES.map((name) => [name, z.array(z.string().min(1).max(127)).optional()]),
  ) as Record<(typeof FIRMWARE_CLASSES)[number], z.ZodOptional<z.ZodArray<z.ZodString>>>,
);

const machineSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  macs: z.array(macSchema),
  uuid: z.string().optional(),
  serial: z.string().optional(),
  address: ipv4Schema.optional(),
  bootFiles: bootFilesSchema.optional(),
  diskless: z.literal(true).optional(),
});

/** The answer to `GET /relay/v1/state`. */
export const relayStateSchema = z.object({
  revision: z.int().min(0),
  full: z.boolean(),
  site: z.object({
    id: z.string().min(1),
    name: z.string(),
    bootWaitSeconds: z.number().positive().nullable(),
    bootFiles: bootFilesSchema.optional(),
  }),
  machines: z.array(machineSchema),
  removed: z.array(z.string()),
  imageKeys: z.array(z.object({ kid: z.string(), key: z.string() })),
  prefetch: z.array(
    z.object({
      image: z.string(),
      revision: z.string(),
      path: z.string(),
      sizeBytes: z.int().min(0),
      sha256: z.string(),
    }),
  ),
}) satisfies z.ZodType<RelayState>;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const imageFileSchema = z
  .object({
    sizeBytes: z.int().min(0),
    sha256: sha256Schema,
    chunks: z.array(sha256Schema).exactOptional(),
  })
  .refine(({ sizeBytes, chunks }) => {
    return chunks === undefined || chunks.length === Math.ceil(sizeBytes / IMAGE_CHUNK_BYTES);
  }, "not one hash a chunk");

/** The answer to `GET /relay/v1/images/:revision`. */
export const imageManifestSchema = z.object({
  files: z.record(z.string(), imageFileSchema),
}) satisfies z.ZodType<RelayImageManifest>;

/** The answer to `POST /relay/v1/events`: events that are wrong are named and left out. */
export const eventsAnswerSchema = z.object({
  accepted: z.int().min(0),
  rejected: z.array(z.object({ index: z.int().min(0), message: z.string() })),
});
export type EventsAnswer = z.infer<typeof eventsAnswerSchema>;
