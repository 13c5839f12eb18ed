import * as z from "zod";
import { selectorSchema } from "../schemas/machine.ts";
import { filePathSchema, nameSchema } from "../schemas/values.ts";

const siteName = nameSchema.meta({ description: "The site's name", examples: ["lab"] });
const machineKey = z
  .string()
  .min(1)
  .max(64)
  .meta({
    description: "The machine's name, its id, or any of its MACs in any notation",
    examples: ["node1", "52-54-00-00-00-01"],
  });
const id = z.string().min(1).max(64);

export const IN_SITE = z.object({ site: siteName });
export const SITE_AND_ID = z.object({ site: siteName, id });
export const MACHINE = z.object({ site: siteName, id: machineKey });
export const BY_ID = z.object({ id });
export const BY_NAME = z.object({ name: nameSchema });
export const IMAGE_FILE = z.object({
  name: nameSchema,
  path: filePathSchema.meta({ description: "The file's path inside the image; its slashes are not encoded" }),
});

/** A whole number as a query has it. */
function integer(min: number, max: number) {
  const toNumber = (text: unknown) =>
    typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : text;
  return z.preprocess(toNumber, z.int("must be a whole number").min(min).max(max));
}

const limit = (fallback: number) =>
  integer(1, 1_000).default(fallback).meta({ description: "Items of a page at most" });

const cursor = z.string().default("").meta({ description: "The `next` of the page before" });

const PAGE_MEMBERS = { after: cursor, limit: limit(100) };

/** Of a change that may be tried. */
export const DRY_RUN = z.object({
  dryRun: z
    .stringbool()
    .default(false)
    .meta({ description: "Say what would come of it, and change nothing" }),
});

/** Of a list that changes: pages by cursor. */
export const PAGE = z.object(PAGE_MEMBERS);

/** How new the state is that a relay has; it asks for what came after. */
export const STATE_QUERY = z.object({ after: integer(0, Number.MAX_SAFE_INTEGER).optional() });

/** Of a log: pages by position. */
const logPage = (items: number) =>
  z.object({
    after: integer(0, Number.MAX_SAFE_INTEGER).default(0).meta({ description: "The last position read" }),
    limit: limit(items),
  });
export const LOG_PAGE = logPage(100);
/** A machine's whole history fits into one page, as a rule. */
export const TIMELINE_PAGE = logPage(1_000);

export const MACHINE_QUERY = z.object({
  ...PAGE_MEMBERS,
  selector: selectorSchema.optional().meta({
    description: "`key=value,key2=value2`: machines with all of these labels",
    examples: ["rack=a1"],
  }),
  q: z.string().optional().meta({ description: "Part of a name, address, serial, UUID or MAC" }),
});

export const PREVIEW_QUERY = z.object({
  profile: nameSchema.optional().meta({ description: "Instead of the machine's own" }),
});

export const UPLOAD_ID = z.object({ uploadId: z.string().max(64) });
export const UPLOAD_PART = z.object({ uploadId: z.string().max(64), part: integer(1, 10_000) });
export const ANY_UPLOAD = z.object({
  uploadId: z.string().max(64).optional().meta({ description: "Of one upload" }),
});
export const POST_UPLOAD = z.object({
  uploads: z.string().optional().meta({ description: "Present, and empty: begin an upload" }),
  uploadId: z.string().max(64).optional().meta({ description: "Complete this upload" }),
});
