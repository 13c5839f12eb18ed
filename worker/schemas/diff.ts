import * as z from "zod";
import { profileSchema } from "./profile.ts";

const revision = z.string().max(64);
const from = revision
  .optional()
  .meta({ description: "A revision that the name once stood for; by default its present one" });
const to = revision.optional().meta({ description: "Another one of these" });
const either = { message: "give either a revision as `to`, or what is meant to be put", path: ["to"] };

/** What a profile is compared with: another revision of it, or a document that is not stored. */
export const profileDiffSchema = z
  .strictObject({ from, to, document: profileSchema.optional() })
  .refine((body) => (body.to === undefined) !== (body.document === undefined), either)
  .meta({
    id: "ProfileDiffOrder",
    examples: [
      { document: { mode: "local" } },
      { from: "3f2a9c0d5e6b71843f2a9c0d5e6b7184", to: "51c2f08e7a3d9b6451c2f08e7a3d9b64" },
    ],
  });

/** As `profileDiffSchema`, of a template. */
export const templateDiffSchema = z
  .strictObject({ from, to, text: z.string().max(262_144).optional() })
  .refine((body) => (body.to === undefined) !== (body.text === undefined), either)
  .meta({
    id: "TemplateDiffOrder",
    examples: [{ text: "---\nkind: shell\ndescription: A note\n---\necho {{machine.name}}\n" }],
  });
