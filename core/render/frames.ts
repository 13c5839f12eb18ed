/**
 * What names are looked up in, innermost first: the members of the lists and
 * the objects that sections have entered, around them the view, and around
 * that the defaults of variables.
 */
export type Frame = {
  readonly value: unknown;
  readonly around: Frame | null;
  /** Where in its list a member is, from 0, and how many there are; `null` of what is no list's. */
  readonly place: { readonly index: number; readonly count: number } | null;
};

/** Names that a list's section has beside its member; a variable cannot be named so. */
const PLACES: Readonly<Record<string, (place: NonNullable<Frame["place"]>) => boolean | number>> = {
  "-first": ({ index }) => index === 0,
  "-last": ({ index, count }) => index === count - 1,
  "-index": ({ index }) => index + 1,
};

/**
 * Resolves a dotted name: its first part in the innermost frame that has it,
 * the rest inside that. `-first`, `-last` and `-index` (from 1) say where in
 * the innermost list it is, as other mustaches have them.
 *
 * @param path the name's parts between its dots
 */
export function lookUp(frame: Frame, name: string, path: readonly string[]): unknown {
  if (name === ".") return frame.value;
  if (name.startsWith("-") && Object.hasOwn(PLACES, name)) {
    const { place } = innermostList(frame);
    return place === null ? undefined : PLACES[name]!(place);
  }
  const head = path[0]!;
  for (let each: Frame | null = frame; each !== null; each = each.around) {
    let value = own(each.value, head);
    if (value === undefined || (value === null && isView(each))) continue;
    for (let part = 1; part < path.length; part++) value = own(value, path[part]!);
    return value;
  }
  return undefined;
}

/** In the view, what is given as nothing is not given. */
function isView({ around }: Frame): boolean {
  return around !== null && around.around === null;
}

function innermostList(frame: Frame): Frame {
  let found = frame;
  while (found.place === null && found.around !== null) found = found.around;
  return found;
}

/** An own property of a plain object: never a prototype's, never a list's length. */
export function own(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || Array.isArray(holder)) return undefined;
  return Object.hasOwn(holder, key) ? (holder as Record<string, unknown>)[key] : undefined;
}
