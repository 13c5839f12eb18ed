import { readText } from "./option-text.ts";

/**
 * The classes of option 77: a list of length-prefixed texts (RFC 3004), or one
 * text as it is, which is what iPXE sends (`iPXE`) and much else besides.
 * What is no well-formed list is taken as the latter.
 */
export function decodeUserClass(data: Uint8Array): string[] {
  if (data.length === 0) return [];
  const classes: string[] = [];
  let at = 0;
  while (at < data.length) {
    const end = at + 1 + data[at]!;
    if (end === at + 1 || end > data.length) return [readText(data)];
    classes.push(readText(data.subarray(at + 1, end)));
    at = end;
  }
  return classes;
}
