import type * as z from "zod";

type Definition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly discriminator?: string;
};

/**
 * The fields that a schema knows at a place of a document: of all that may
 * stand there, or of the one kind that the document names itself to be.
 */
export function knownFields(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): string[] {
  const definition = schema._zod.def as unknown as Definition;
  const { shape, element, valueType, innerType, in: input, options, discriminator } = definition;
  const inner = innerType ?? input;
  if (inner !== undefined) return knownFields(inner, value, path);
  if (options !== undefined) {
    const meant = options.filter(
      (option) => discriminator === undefined || isOf(option, discriminator, member(value, discriminator)),
    );
    return [...new Set(meant.flatMap((option) => knownFields(option, value, path)))];
  }
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(shape ?? {});
  const next = element ?? valueType ?? shape?.[String(first)];
  return next === undefined ? [] : knownFields(next, member(value, first), rest);
}

/** Whether a document with this discriminator is of one kind. */
function isOf(option: z.ZodType, discriminator: string, named: unknown): boolean {
  const { shape } = option._zod.def as unknown as Definition;
  return shape?.[discriminator]?.safeParse(named).success ?? false;
}

function member(value: unknown, name: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
