import { z } from "zod";

const UNITS = { "": 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const FORM = /^(\d{1,15}(?:\.\d{1,6})?) ?(B|KiB|MiB|GiB|TiB|)$/;

const WANTED = "must be a size such as 50GiB (B, KiB, MiB, GiB, TiB)";

/** A number of bytes, or a text such as `50GiB`; in whole bytes. */
export const byteSize = z
  .union([z.number(), z.string()], { error: WANTED })
  .transform((given, context): number => {
    const [, number, unit] = FORM.exec(String(given)) ?? [];
    if (number !== undefined) return Math.floor(Number(number) * UNITS[unit as keyof typeof UNITS]);
    context.addIssue(WANTED);
    return z.NEVER;
  });
