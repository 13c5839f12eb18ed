import { z } from "zod";

const UNITS = {
  "B/s": 1,
  "KiB/s": 2 ** 10,
  "MiB/s": 2 ** 20,
  "GiB/s": 2 ** 30,
  "kbit/s": 1e3 / 8,
  "Mbit/s": 1e6 / 8,
  "Gbit/s": 1e9 / 8,
} as const;
const FORM = /^(\d{1,12}(?:\.\d{1,6})?) ?([kKMG]?i?(?:B|bit)\/s)$/;

/** Below, no machine would come up before its firmware gives up. */
const LEAST_BYTES_PER_SECOND = 16 * 1024;

const WANTED =
  "must be a rate such as 100MiB/s or 1Gbit/s (B/s, KiB/s, MiB/s, GiB/s, kbit/s, Mbit/s, Gbit/s)";

/** A text such as `100MiB/s` or `1Gbit/s`; in whole bytes a second. */
export const byteRate = z
  .union([z.number(), z.string()], { error: WANTED })
  .transform((given, context): number => {
    const [, number, unit = ""] = FORM.exec(String(given)) ?? [];
    const factor = unit in UNITS ? UNITS[unit as keyof typeof UNITS] : undefined;
    if (number === undefined || factor === undefined) {
      context.addIssue(WANTED);
      return z.NEVER;
    }
    const bytesPerSecond = Math.floor(Number(number) * factor);
    if (bytesPerSecond < LEAST_BYTES_PER_SECOND) context.addIssue("must be at least 16KiB/s");
    return bytesPerSecond;
  });
