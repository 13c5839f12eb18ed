import * as z from "zod";
import { filePathSchema, nameSchema, profileSchema, templateSchema } from "../../schemas.ts";
import { instantSchema, pageOf, revisionSchema, sha256Schema, sizeSchema } from "./values.ts";

const headMembers = {
  name: nameSchema,
  revision: revisionSchema,
  updatedAt: instantSchema,
  updatedBy: z.string(),
};
export const headPageSchema = pageOf(
  z.strictObject(headMembers).meta({ id: "Head", description: "What a name stands for" }),
);
export const storedSchema = z
  .strictObject({ name: nameSchema, revision: revisionSchema })
  .meta({ id: "StoredDocument" });
export const revisionPageSchema = pageOf(
  z
    .strictObject({
      revision: revisionSchema,
      createdAt: instantSchema,
      createdBy: z.string(),
      current: z.boolean().meta({ description: "Whether the name stands for it now" }),
    })
    .meta({ id: "Revision" }),
);

const [installProfile, localProfile] = profileSchema.options;
export const profileDocumentSchema = z
  .discriminatedUnion("mode", [installProfile.extend(headMembers), localProfile.extend(headMembers)])
  .meta({ id: "ProfileDocument" });
export const templateDocumentSchema = templateSchema.extend(headMembers).meta({ id: "TemplateDocument" });
export const imageDocumentSchema = z
  .strictObject({
    ...headMembers,
    files: z.record(
      filePathSchema,
      z.strictObject({
        sizeBytes: sizeSchema,
        sha256: sha256Schema,
        url: z.url().optional().meta({ description: "Where it lives, unless it was uploaded" }),
      }),
    ),
    delivery: z.enum(["stream", "redirect"]),
    origins: z.array(z.string()),
  })
  .meta({ id: "ImageDocument" });

export const partSchema = z.strictObject({ part: z.int().min(1).max(10_000), etag: z.string() });
export const uploadBegunSchema = z.strictObject({ uploadId: z.string() });
export const uploadedSchema = z.strictObject({
  path: filePathSchema,
  sizeBytes: sizeSchema,
  sha256: sha256Schema,
});
export const uploadsSchema = z.strictObject({
  items: z.array(z.strictObject({ uploadId: z.string(), startedAt: instantSchema })),
});
export const uploadSchema = z.strictObject({
  uploadId: z.string(),
  parts: z.array(partSchema.extend({ sizeBytes: sizeSchema })),
});

export const bootFileSchema = z
  .strictObject({ name: z.string(), sizeBytes: sizeSchema, updatedAt: instantSchema })
  .meta({ id: "BootFile" });
export const bootFileListSchema = z.strictObject({ items: z.array(bootFileSchema) });
