import * as z from "zod";
import { PROBLEM_URNS } from "../../problem.ts";

/** A problem as every operation answers with it (RFC 9457). */
export const problemSchema = z
  .strictObject({
    type: z.enum(PROBLEM_URNS).meta({ description: "Stable: what went wrong" }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: "For people" }),
    errors: z
      .array(
        z.strictObject({
          field: z.string().meta({ description: "Path into the document, e.g. `macs[0]`" }),
          message: z.string(),
        }),
      )
      .optional()
      .meta({ description: "Every field that is at fault" }),
  })
  .meta({
    id: "Problem",
    examples: [
      {
        type: "urn:pxedge:problem:invalid",
        title: "The document is invalid",
        status: 422,
        detail: 'macs[0]: "x" is not a MAC address',
        errors: [{ field: "macs[0]", message: '"x" is not a MAC address' }],
      },
    ],
  });
