import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node, Pair, YAMLMap } from "yaml";
import type { FleetProblem, Locate, Place } from "./place.ts";

/** A YAML (or JSON) file, and where each part of it stands. */
export type YamlFile = {
  readonly root: Node | null;
  readonly problems: readonly FleetProblem[];
  /** What a part of the document says. */
  read(node: unknown): unknown;
  /** Places of the fields below a part. */
  locate(node: unknown): Locate;
  /** The members of a mapping, in their order. */
  members(
    node: YAMLMap,
  ): readonly { readonly key: string; readonly keyNode: unknown; readonly value: unknown }[];
};

export function parseYamlFile(file: string, text: string): YamlFile {
  const lineCounter = new LineCounter();
  // The library holds every key against all before it, which takes seconds where there are ten thousand.
  const document = parseDocument(text, { lineCounter, uniqueKeys: false });
  const at = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { file, line, column: col };
  };
  return {
    root: document.contents,
    problems: [
      ...document.errors.map(({ pos, message }) => ({
        ...at(pos[0]),
        field: "",
        // Its place is said, and the lines around it are in the file.
        message: message.replace(/ at line \d+, column \d+:[^]*$/, ""),
      })),
      ...findTwinKeys(document).map(({ key, offset, firstOffset }) => ({
        ...at(offset),
        field: "",
        message: `"${key}" is there already, in line ${at(firstOffset).line}: keys of a mapping are unique`,
      })),
    ],
    read: (node) => (isNode(node) ? (node.toJS(document) as unknown) : node),
    locate: (node) => (field) => {
      const found = follow(document, node, field);
      return found === null ? { file } : at(found);
    },
    members: (node) =>
      node.items.map(({ key, value }) => ({
        key: isScalar(key) ? String(key.value) : String(key),
        keyNode: key,
        value,
      })),
  };
}

type TwinKey = { readonly key: string; readonly offset: number; readonly firstOffset: number };

/** Keys that their mapping has before them. */
function findTwinKeys(document: Document): TwinKey[] {
  const twins: TwinKey[] = [];
  visit(document, {
    Map: (_, map) => {
      const first = new Map<unknown, number>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const offset = startOf(key) ?? 0;
        const firstOffset = first.get(key.value);
        if (firstOffset === undefined) first.set(key.value, offset);
        else twins.push({ key: String(key.value), offset, firstOffset });
      }
    },
  });
  return twins;
}

/** Offset of the part that a field's path leads to, as far as it does. */
function follow(document: Document, start: unknown, path: string): number | null {
  let node = isAlias(start) ? start.resolve(document) : start;
  let offset = startOf(start);
  let rest = path;
  while (rest !== "") {
    if (isMap(node)) {
      const found = memberOf(node, rest);
      if (found === null) return offset;
      offset = startOf(found.pair.key) ?? offset;
      rest = found.rest;
      node = found.pair.value;
    } else if (isSeq(node)) {
      const match = /^\[(\d+)\]\.?/.exec(rest);
      const item = match && node.items[Number(match[1])];
      if (!match || item === undefined) return offset;
      offset = startOf(item) ?? offset;
      rest = rest.slice(match[0].length);
      node = item;
    } else return offset;
    if (isAlias(node)) node = node.resolve(document);
  }
  return offset;
}

/** The member that a path begins with: names may hold dots themselves. */
function memberOf(map: YAMLMap, path: string): { pair: Pair; rest: string } | null {
  let best: { pair: Pair; rest: string; length: number } | null = null;
  for (const pair of map.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (!path.startsWith(key) || (best !== null && best.length >= key.length)) continue;
    const rest = path.slice(key.length);
    if (rest === "" || rest.startsWith("[")) best = { pair, rest, length: key.length };
    else if (rest.startsWith(".")) best = { pair, rest: rest.slice(1), length: key.length };
  }
  return best;
}

function startOf(node: unknown): number | null {
  if (isPair(node)) return startOf(node.key);
  return isNode(node) && node.range ? node.range[0] : null;
}
