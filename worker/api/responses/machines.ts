import * as z from "zod";
import { machineSchema as machineInputSchema, nameSchema, variableValueSchema } from "../../schemas.ts";
import { problemSchema } from "./problem.ts";
import { idSchema, macSchema, pageOf, revisionSchema } from "./values.ts";

export const machineSchema = machineInputSchema
  .extend({
    id: idSchema.meta({ description: "Immutable: a NIC swap or a new name keeps the history" }),
    name: nameSchema,
    macs: z.array(macSchema),
  })
  .meta({ id: "Machine" });
export const machinePageSchema = pageOf(machineSchema);
export const changedMachinesSchema = z.strictObject({
  items: z.array(machineSchema).meta({ description: "Those that were put" }),
  deleted: z.int(),
});

const fieldErrorsSchema = problemSchema.shape.errors.unwrap();
const sourceSchema = z.enum(["default", "site", "profile", "machine", "order"]);

export const previewSchema = z
  .strictObject({
    machine: z.strictObject({ id: idSchema, name: nameSchema }),
    attempt: idSchema
      .nullable()
      .meta({ description: "The active one, where the preview is of what it holds" }),
    profile: z.strictObject({ name: nameSchema, revision: revisionSchema }),
    script: z.string().nullable().meta({ description: "null where it does not render" }),
    problems: fieldErrorsSchema,
    answers: z.record(
      z.string(),
      z.strictObject({
        template: nameSchema,
        revision: revisionSchema,
        lifetime: z.enum(["once", "attempt"]),
        text: z.string().nullable().meta({ description: "null where it does not render" }),
        problems: fieldErrorsSchema,
        variables: z.array(
          z.strictObject({
            name: z.string(),
            value: variableValueSchema.nullable(),
            source: sourceSchema.nullable(),
            overridden: z.array(sourceSchema),
            declared: z.boolean(),
            problem: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
          }),
        ),
      }),
    ),
  })
  .meta({ id: "Preview" });
