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
const beforeMembers = {
  etag: z.string().meta({ description: "Before, without its quotes" }),
  before: machineSchema,
};
const indexSchema = (of: string) => z.int().meta({ description: `Position in the request's \`${of}\`` });
export const changedMachinesSchema = z
  .strictObject({
    items: z.array(machineSchema).meta({ description: "Those that were put, in their order" }),
    deleted: z.int(),
    changes: z
      .array(
        z.discriminatedUnion("outcome", [
          z.strictObject({ outcome: z.literal("created"), put: indexSchema("put") }),
          z.strictObject({ outcome: z.literal("changed"), put: indexSchema("put"), ...beforeMembers }),
          z.strictObject({ outcome: z.literal("deleted"), delete: indexSchema("delete"), ...beforeMembers }),
        ]),
      )
      .meta({ description: "What is not as it was; of a dry run, what would not be" }),
  })
  .meta({ examples: [{ items: [exampleMachine], deleted: 0, changes: [{ outcome: "created", put: 0 }] }] });

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
