import * as z from "zod";
import { ROLES } from "../../access.ts";
import { secretNameSchema } from "../../schemas/access.ts";
import { nameSchema } from "../../schemas/values.ts";
import { EXAMPLE, idSchema, instantSchema, logOf, pageOf } from "./values.ts";

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

const exampleToken = {
  id: EXAMPLE.id,
  name: "ci",
  role: "operator",
  sites: ["lab"],
  createdAt: EXAMPLE.instant,
  createdBy: "ADMIN_TOKEN",
  expiresAt: null,
  lastUsedAt: null,
};
export const tokenInfoSchema = z.strictObject(tokenMembers).meta({ id: "Token", examples: [exampleToken] });
export const newTokenSchema = z
  .strictObject({ ...tokenMembers, token: z.string().meta({ description: "Shown this once" }) })
  .meta({ id: "NewToken", examples: [{ ...exampleToken, token: `pxa_${EXAMPLE.id}_${EXAMPLE.secret}` }] });
export const tokenPageSchema = pageOf(tokenInfoSchema);

export const secretInfoSchema = z
  .strictObject({
    name: secretNameSchema,
    kid: z.string().meta({ description: "Id of the key that it is encrypted with" }),
    updatedAt: instantSchema,
    updatedBy: z.string(),
  })
  .meta({
    id: "Secret",
    examples: [{ name: "rootHash", kid: "k20261121", updatedAt: EXAMPLE.instant, updatedBy: "ci" }],
  });
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
    .meta({
      id: "AuditEntry",
      examples: [
        {
          seq: 42,
          at: EXAMPLE.instant,
          by: { id: EXAMPLE.id, name: "ci" },
          action: "POST",
          target: "/sites/lab/machines/node1/arm",
          detail: { attempt: EXAMPLE.otherId, machine: "node1", profile: "debian-12", created: true },
        },
      ],
    }),
);

export const rotatedSchema = z
  .strictObject({ secrets: z.strictObject({ total: z.int(), resealed: z.int() }) })
  .meta({ examples: [{ secrets: { total: 3, resealed: 2 } }] });
