import * as z from "zod";
import { isPublicOrigin } from "../upstream.ts";
import { filePathSchema, sha256Schema } from "./values.ts";

export const templateSchema = z.strictObject({ text: z.string().max(262_144) }).meta({
  id: "Template",
  examples: [{ text: "---\nkind: shell\ndescription: A note\n---\necho {{machine.name}}\n" }],
});

export type TemplateDocument = z.infer<typeof templateSchema>;

const originSchema = z
  .string()
  .refine(isPublicOrigin, "an origin is https:// and a public host name, without a path");

/** Named as absent, so that a file with a mistake is held against the kind that it is of. */
const storedFileSchema = z.strictObject({ sha256: sha256Schema, url: z.never().optional() });

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
      if (file.url === undefined || origins.includes(new URL(file.url).origin)) continue;
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

export const rollbackSchema = z.strictObject({ revision: z.string().max(64) }).meta({
  id: "Rollback",
  examples: [{ revision: "3f2a9c0d5e6b71843f2a9c0d5e6b7184" }],
});
