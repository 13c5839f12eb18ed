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
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
export const revisionSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .meta({ description: "Hash of the content", examples: ["3f2a9c0d5e6b71843f2a9c0d5e6b7184"] });
export const sizeSchema = z.int().min(0);

/** One page of a list. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().meta({ description: "`after` of the page that follows; null: none does" }),
  });
}

/** What a log holds after a position. */
export function logOf<S extends z.ZodType>(item: S) {
  return z.strictObject({
    items: z.array(item).meta({ description: "Oldest first" }),
    next: z.int().nullable().meta({ description: "The last position read, to ask again from" }),
  });
}
