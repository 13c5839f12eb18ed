import * as z from "zod";
import { selectorSchema } from "./machine.ts";
import { nameSchema, variablesSchema } from "./values.ts";

const armMembers = {
  ttlSeconds: z.int().min(60).max(604_800).default(86_400),
  retries: z.int().min(0).max(5).default(0),
  variables: variablesSchema.default({}),
  confirmCount: z.int().min(0).optional().meta({
    description: "How many machines the order arms, where that needs a confirmation",
  }),
};

export const armSchema = z
  .strictObject({
    ...armMembers,
    profile: nameSchema.optional().meta({ description: "Instead of the machine's own" }),
    supersede: z
      .string()
      .max(64)
      .optional()
      .meta({ description: "The active attempt that this one replaces" }),
  })
  .meta({ id: "ArmOrder", examples: [{ profile: "debian-12", retries: 1 }] });

export const siteArmSchema = z
  .strictObject({
    ...armMembers,
    profile: nameSchema,
    ids: z.array(z.string().min(1).max(64)).min(1).max(1_000).optional(),
    selector: selectorSchema.optional(),
  })
  .refine((order) => (order.ids === undefined) !== (order.selector === undefined), {
    message: "give either ids or a selector",
    path: ["ids"],
  })
  .meta({
    id: "SiteArmOrder",
    examples: [{ profile: "debian-12", selector: "rack=a1", confirmCount: 12 }],
  });
