import * as z from "zod";
import { nameSchema } from "../../schemas/values.ts";
import { problemSchema } from "./problem.ts";
import { EXAMPLE, idSchema, revisionSchema } from "./values.ts";

const changeName = z
  .string()
  .meta({ description: "A key of `changes`; the same on every page for the same change" });
const members = {
  site: nameSchema,
  machine: z.strictObject({ id: idSchema, name: nameSchema }),
  profile: nameSchema.meta({
    description: "The one it would boot: the machine's own, or one of its menu, or its rescue",
  }),
};

export const diffSchema = z
  .strictObject({
    from: revisionSchema.nullable().meta({ description: "null: the name stands for nothing" }),
    to: revisionSchema.meta({
      description: "Of a document that is not stored: the revision that it would have",
    }),
    items: z.array(
      z.discriminatedUnion("kind", [
        z.strictObject({ ...members, kind: z.literal("unchanged") }),
        z.strictObject({ ...members, kind: z.literal("changed"), change: changeName }),
        z.strictObject({ ...members, kind: z.literal("error"), change: changeName }),
      ]),
    ),
    changes: z.record(
      z.string(),
      z.discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("changed"),
          files: z.record(z.string(), z.string()).meta({
            description:
              "Unified diffs by file, as the first machine of the page has them; `/boot/script.ipxe` is the script",
          }),
        }),
        z.strictObject({
          kind: z.literal("error"),
          side: z.enum(["from", "to"]).meta({ description: "`from`: it only did not render before" }),
          errors: problemSchema.shape.errors.unwrap(),
        }),
      ]),
    ),
    next: z.string().nullable().meta({ description: "`after` of the page that follows; null: none does" }),
  })
  .meta({
    id: "Diff",
    examples: [
      {
        from: EXAMPLE.revision,
        to: EXAMPLE.revision.replaceAll("3", "4"),
        items: [
          {
            site: "fra1",
            machine: { id: EXAMPLE.id, name: "node1" },
            profile: "debian-12",
            kind: "changed",
            change: "9f3c0a71d2e4b586",
          },
        ],
        changes: {
          "9f3c0a71d2e4b586": {
            kind: "changed",
            files: {
              "preseed.cfg":
                "--- a/preseed.cfg\n+++ b/preseed.cfg\n@@ -1,1 +1,1 @@\n-d-i time/zone string Etc/UTC\n+d-i time/zone string Europe/Berlin\n",
            },
          },
        },
        next: null,
      },
    ],
  });
