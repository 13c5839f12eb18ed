import * as z from "zod";
import { PROFILE_SCHEMAS } from "../../schemas/profile.ts";
import { templateSchema } from "../../schemas/documents.ts";
import { filePathSchema, nameSchema, sha256Schema } from "../../schemas/values.ts";
import { EXAMPLE, instantSchema, pageOf, revisionSchema, sizeSchema } from "./values.ts";

const headMembers = {
  name: nameSchema,
  revision: revisionSchema,
  updatedAt: instantSchema,
  updatedBy: z.string(),
};
const exampleHead = {
  name: "debian-12",
  revision: EXAMPLE.revision,
  updatedAt: EXAMPLE.instant,
  updatedBy: "ci",
};
export const headPageSchema = pageOf(
  z
    .strictObject(headMembers)
    .meta({ id: "Head", description: "What a name stands for", examples: [exampleHead] }),
);
export const storedSchema = z
  .strictObject({ name: nameSchema, revision: revisionSchema })
  .meta({ id: "StoredDocument", examples: [{ name: "debian-12", revision: EXAMPLE.revision }] });
export const revisionPageSchema = pageOf(
  z
    .strictObject({
      revision: revisionSchema,
      createdAt: instantSchema,
      createdBy: z.string(),
      current: z.boolean().meta({ description: "Whether the name stands for it now" }),
    })
    .meta({
      id: "Revision",
      examples: [{ revision: EXAMPLE.revision, createdAt: EXAMPLE.instant, createdBy: "ci", current: true }],
    }),
);

const [installProfile, liveProfile, menuProfile, chainProfile, sanProfile, localProfile] = PROFILE_SCHEMAS;
export const profileDocumentSchema = z
  .discriminatedUnion("mode", [
    installProfile.safeExtend(headMembers),
    liveProfile.safeExtend(headMembers),
    menuProfile.safeExtend(headMembers),
    chainProfile.extend(headMembers),
    sanProfile.safeExtend(headMembers),
    localProfile.extend(headMembers),
  ])
  .meta({ id: "ProfileDocument", examples: [{ ...exampleHead, name: "disk", mode: "local" }] });
export const templateDocumentSchema = templateSchema.extend(headMembers).meta({
  id: "TemplateDocument",
  examples: [{ ...exampleHead, text: "---\nkind: shell\ndescription: A note\n---\necho {{machine.name}}\n" }],
});
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
  .meta({
    id: "ImageDocument",
    examples: [
      {
        ...exampleHead,
        files: { linux: { sizeBytes: 8_000_000, sha256: EXAMPLE.sha256 } },
        delivery: "stream",
        origins: [],
      },
    ],
  });

const documentNameMembers = { kind: z.enum(["profile", "template", "image"]), name: nameSchema };
export const changedDocumentsSchema = z
  .strictObject({
    items: z
      .array(
        z.strictObject({
          ...documentNameMembers,
          outcome: z.enum(["created", "changed", "unchanged"]),
          revision: revisionSchema.nullable().meta({
            description: "null: of an image in a dry run, whose files are not read yet",
          }),
          before: revisionSchema.nullable().meta({ description: "What the name stood for" }),
          document: z
            .record(z.string(), z.unknown())
            .optional()
            .meta({ description: "Of a dry run, where it is not as it was: as it would be stored" }),
        }),
      )
      .meta({ description: "Those that were put, in their order" }),
    deleted: z.array(z.strictObject(documentNameMembers)),
    kept: z
      .array(z.strictObject({ ...documentNameMembers, users: z.array(z.string()) }))
      .meta({ description: "Left out of `delete`, and who uses them" }),
    missingFiles: z
      .array(sha256Schema)
      .meta({ description: "Of a dry run: files that are to be uploaded first" }),
    secrets: z.array(z.string()).meta({ description: "Names of the secrets that the templates name" }),
  })
  .meta({
    id: "ChangedDocuments",
    examples: [
      {
        items: [
          {
            kind: "profile",
            name: "disk",
            outcome: "created",
            revision: EXAMPLE.revision,
            before: null,
            document: { mode: "local" },
          },
        ],
        deleted: [{ kind: "template", name: "old" }],
        kept: [],
        missingFiles: [],
        secrets: [],
      },
    ],
  });

export const partSchema = z
  .strictObject({ part: z.int().min(1).max(10_000), etag: z.string() })
  .meta({ examples: [{ part: 1, etag: "5d41402abc4b2a76b9719d911017c592" }] });
export const uploadBegunSchema = z
  .strictObject({ uploadId: z.string() })
  .meta({ examples: [{ uploadId: EXAMPLE.id }] });
export const uploadedSchema = z
  .strictObject({
    path: filePathSchema,
    sizeBytes: sizeSchema,
    sha256: sha256Schema,
  })
  .meta({
    examples: [{ path: "boot/linux", sizeBytes: 8_000_000, sha256: EXAMPLE.sha256 }],
  });
export const uploadsSchema = z
  .strictObject({
    items: z.array(z.strictObject({ uploadId: z.string(), startedAt: instantSchema })),
  })
  .meta({
    examples: [{ items: [{ uploadId: EXAMPLE.id, startedAt: EXAMPLE.instant }] }],
  });
export const uploadSchema = z
  .strictObject({
    uploadId: z.string(),
    parts: z.array(partSchema.extend({ sizeBytes: sizeSchema })),
  })
  .meta({
    examples: [
      {
        uploadId: EXAMPLE.id,
        parts: [{ part: 1, etag: "5d41402abc4b2a76b9719d911017c592", sizeBytes: 8_000_000 }],
      },
    ],
  });

export const bootFileSchema = z
  .strictObject({ name: z.string(), sizeBytes: sizeSchema, updatedAt: instantSchema })
  .meta({
    id: "BootFile",
    examples: [{ name: "snponly.efi", sizeBytes: 173_792, updatedAt: EXAMPLE.instant }],
  });
export const bootFileListSchema = z.strictObject({ items: z.array(bootFileSchema) }).meta({
  examples: [{ items: [{ name: "snponly.efi", sizeBytes: 173_792, updatedAt: EXAMPLE.instant }] }],
});
