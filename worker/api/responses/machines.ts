import * as z from "zod";
import { machineSchema as machineInputSchema } from "../../schemas/machine.ts";
import { nameSchema, variableValueSchema } from "../../schemas/values.ts";
import { problemSchema } from "./problem.ts";
import { EXAMPLE, idSchema, macSchema, pageOf, revisionSchema } from "./values.ts";

const exampleMachine = {
  id: EXAMPLE.id,
  name: "node1",
  macs: ["52:54:00:00:00:01"],
  profile: "debian-12",
  variables: { disk: "/dev/sda" },
  labels: { rack: "a1" },
};
export const machineSchema = machineInputSchema
  .extend({
    id: idSchema.meta({ description: "Immutable: a NIC swap or a new name keeps the history" }),
    name: nameSchema,
    macs: z.array(macSchema),
  })
  .meta({ id: "Machine", examples: [exampleMachine] });
export const machinePageSchema = pageOf(machineSchema);
export const changedMachinesSchema = z
  .strictObject({
    items: z.array(machineSchema).meta({ description: "Those that were put" }),
    deleted: z.int(),
  })
  .meta({ examples: [{ items: [exampleMachine], deleted: 1 }] });

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
  .meta({
    id: "Preview",
    examples: [
      {
        machine: { id: EXAMPLE.id, name: "node1" },
        attempt: null,
        profile: { name: "debian-12", revision: EXAMPLE.revision },
        script: "#!ipxe\n…",
        problems: [],
        answers: {
          "preseed.cfg": {
            template: "debian",
            revision: EXAMPLE.revision,
            lifetime: "once",
            text: "d-i passwd/root-password-crypted password masked-rootHash\n",
            problems: [],
            variables: [
              {
                name: "disk",
                value: "/dev/sda",
                source: "machine",
                overridden: ["profile"],
                declared: true,
                problem: null,
              },
            ],
          },
        },
      },
    ],
  });
