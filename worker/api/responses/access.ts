import * as z from "zod";
import { ROLES } from "../../access.ts";
import { nameSchema, secretNameSchema } from "../../schemas.ts";
import { idSchema, instantSchema, logOf, pageOf } from "./values.ts";

const tokenMembers = {
  id: idSchema,
  name: z.string(),
  role: z.enum(ROLES),
  sites: z.array(nameSchema).nullable().meta({ description: "null: all of them, and what belongs to none" }),
  createdAt: instantSchema,
  createdBy: z.string(),
  expiresAt: instantSchema.nullable(),
  lastUsedAt: instantSchema.nullable().meta({ description: "To the minute" }),
};

export const tokenInfoSchema = z.strictObject(tokenMembers).meta({ id: "Token" });
export const newTokenSchema = z
  .strictObject({ ...tokenMembers, token: z.string().meta({ description: "Shown this once" }) })
  .meta({ id: "NewToken" });
export const tokenPageSchema = pageOf(tokenInfoSchema);

export const secretInfoSchema = z
  .strictObject({
    name: secretNameSchema,
    kid: z.string().meta({ description: "Id of the key that it is encrypted with" }),
    updatedAt: instantSchema,
    updatedBy: z.string(),
  })
  .meta({ id: "Secret" });
export const secretPageSchema = pageOf(secretInfoSchema);

export const auditLogSchema = logOf(
  z
    .strictObject({
      seq: z.int(),
      at: instantSchema,
      by: z.strictObject({ id: z.string(), name: z.string() }),
      action: z.enum(["PUT", "POST", "PATCH", "DELETE", "READ"]),
      target: z.string().meta({ description: "Below /api/v1" }),
      detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    })
    .meta({ id: "AuditEntry" }),
);

export const rotatedSchema = z.strictObject({
  secrets: z.strictObject({ total: z.int(), resealed: z.int() }),
});
