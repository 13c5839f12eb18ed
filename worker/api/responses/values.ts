import * as z from "zod";

export const idSchema = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .meta({ examples: ["9f3c0a71d2e4b586"] });
export const instantSchema = z.iso
  .datetime({ precision: 3 })
  .meta({ examples: ["2026-11-21T07:00:00.000Z"] });
export const macSchema = z
  .string()
  .regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/)
  .meta({ examples: ["52:54:00:00:00:01"] });
export const revisionSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .meta({ description: "Hash of the content", examples: ["3f2a9c0d5e6b71843f2a9c0d5e6b7184"] });
export const sizeSchema = z.int().min(0);

/** One page of a list; where the item has examples, so has the page. */
export function pageOf<S extends z.ZodType>(item: S) {
  const page = z.strictObject({
    items: z.array(item),
    next: z.string().nullable().meta({ description: "`after` of the page that follows; null: none does" }),
  });
  return page.meta({ examples: [{ items: examplesOf(item), next: null }] });
}

/** What a log holds after a position. */
export function logOf<S extends z.ZodType>(item: S) {
  const log = z.strictObject({
    items: z.array(item).meta({ description: "Oldest first" }),
    next: z.int().nullable().meta({ description: "The last position read, to ask again from" }),
  });
  return log.meta({ examples: [{ items: examplesOf(item), next: 42 }] });
}

/** Lists of these are shown with them. */
function examplesOf(item: z.ZodType): unknown[] {
  return (z.globalRegistry.get(item)?.examples ?? []) as unknown[];
}

/** Of ids, hashes and instants in examples. */
export const EXAMPLE = {
  id: "9f3c0a71d2e4b586",
  otherId: "51c2f08e7a3d9b64",
  revision: "3f2a9c0d5e6b71843f2a9c0d5e6b7184",
  sha256: "3f2a9c0d5e6b7184".repeat(4),
  instant: "2026-11-21T07:00:00.000Z",
  later: "2026-11-22T07:00:00.000Z",
  secret: "0123456789abcdef0123456789abcdef",
} as const;
