import * as z from "zod";
import { ROLES } from "../access.ts";
import { nameSchema } from "./values.ts";

export const tokenSchema = z
  .strictObject({
    name: z.string().min(1).max(100),
    role: z.enum(ROLES),
    sites: z.array(nameSchema).min(1).max(1_000).optional().meta({
      description: "Names; absent: all sites, and what belongs to none",
    }),
    expiresInSeconds: z.int().min(60).max(315_360_000).optional(),
  })
  .meta({ id: "TokenOrder", examples: [{ name: "ci", role: "operator", sites: ["lab"] }] });

/** A secret's name stands in templates: `{{secret.NAME}}`. */
export const secretNameSchema = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/, "a letter, then up to 62 letters, digits and _");

export const secretSchema = z
  .strictObject({ value: z.string().min(1).max(65_536) })
  .meta({ id: "SecretInput", examples: [{ value: "$6$salt$hash" }] });
