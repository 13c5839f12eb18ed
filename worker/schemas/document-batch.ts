import * as z from "zod";
import { imageSchema, templateSchema } from "./documents.ts";
import { profileSchema } from "./profile.ts";
import { ifMatchSchema, nameSchema } from "./values.ts";

const headMembers = { name: nameSchema, ifMatch: ifMatchSchema };

const putSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("template"), ...headMembers, document: templateSchema }),
  z.strictObject({ kind: z.literal("image"), ...headMembers, document: imageSchema }),
  z.strictObject({ kind: z.literal("profile"), ...headMembers, document: profileSchema }),
]);

const deleteSchema = z.strictObject({ kind: z.enum(["profile", "template", "image"]), ...headMembers });

/** Several documents at once: all of it happens, or nothing. */
export const documentBatchSchema = z
  .strictObject({
    put: z.array(putSchema).max(1_000).default([]),
    delete: z.array(deleteSchema).max(1_000).default([]),
    keepUsed: z.boolean().default(false).meta({
      description: "Whether what is still used is left out of `delete`; else it is refused",
    }),
    sites: z.record(nameSchema, z.array(nameSchema)).optional().meta({
      description: "Of a dry run: profiles that these sites' machines will use by then, instead of those now",
    }),
    dryRun: z.boolean().default(false).meta({ description: "Say what would happen and change nothing" }),
  })
  .refine(({ sites, dryRun }) => sites === undefined || dryRun, {
    message: "is for a dry run",
    path: ["sites"],
  })
  .meta({
    id: "DocumentBatch",
    examples: [
      {
        put: [{ kind: "profile", name: "disk", ifMatch: null, document: { mode: "local" } }],
        delete: [{ kind: "template", name: "old" }],
        dryRun: true,
      },
    ],
  });

export type DocumentBatch = z.output<typeof documentBatchSchema>;
export type DocumentPut = DocumentBatch["put"][number];
