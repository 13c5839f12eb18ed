import type { ByteSource } from "../image/byte-source.ts";

/** What Rock Ridge (IEEE P1282) says of a directory's entry. */
export type RockRidge = {
  readonly name?: string;
  /** Target of a symbolic link. */
  readonly link?: string;
  /** Block of the directory that stands elsewhere, as it lay too deep. */
  readonly childBlock?: number;
  /** A directory that stands here and belongs elsewhere. */
  readonly isRelocated?: true;
};

/** An entry of the system use area (SUSP, IEEE P1281): signature, length, version, data. */
type Entry = { readonly signature: string; readonly data: Buffer };

const NAME_CURRENT = 0x02;
const NAME_PARENT = 0x04;
const LINK_CONTINUES = 0x01;
const LINK_ROOT = 0x08;
/** Areas go on elsewhere, once or twice; more often than that is a loop. */
const MAX_CONTINUATIONS = 32;
/** A continuation lies within one sector; more would be damage. */
const MAX_AREA_BYTES = 2_048;

/**
 * Bytes that precede the system use entries of each record, as the root's own
 * record says (`SP`); `undefined` where the image has no such entries.
 */
export function systemUseOffset(rootSystemUse: Buffer): number | undefined {
  const isMarked = rootSystemUse.length >= 7 && rootSystemUse.subarray(0, 2).toString("latin1") === "SP";
  return isMarked && rootSystemUse.readUInt16BE(4) === 0xbeef ? rootSystemUse.readUInt8(6) : undefined;
}

/** Reads the entries of a record; those that nothing here needs are passed over. */
export async function readRockRidge(
  source: ByteSource,
  systemUse: Buffer,
  blockBytes: number,
): Promise<RockRidge> {
  const names: Buffer[] = [];
  let link: LinkText | undefined;
  let childBlock: number | undefined;
  let isRelocated = false;
  let area: Buffer | undefined = systemUse;
  for (let count = 0; area !== undefined && count < MAX_CONTINUATIONS; count++) {
    const entries: Entry[] = splitEntries(area);
    area = undefined;
    for (const { signature, data } of entries) {
      if (signature === "NM" && data.length > 1 && (data[0]! & (NAME_CURRENT | NAME_PARENT)) === 0) {
        names.push(data.subarray(1));
      } else if (signature === "SL" && data.length > 0) {
        link = appendLink(link, data.subarray(1));
      } else if (signature === "CL" && data.length >= 4) {
        childBlock = data.readUInt32LE(0);
      } else if (signature === "RE") {
        isRelocated = true;
      } else if (signature === "CE" && data.length >= 24) {
        const position = data.readUInt32LE(0) * blockBytes + data.readUInt32LE(8);
        area = await source.read(position, Math.min(data.readUInt32LE(16), MAX_AREA_BYTES));
      }
    }
  }
  return {
    ...(names.length > 0 && { name: Buffer.concat(names).toString("utf8") }),
    ...(link !== undefined && { link: link.text }),
    ...(childBlock !== undefined && { childBlock }),
    ...(isRelocated && { isRelocated }),
  };
}

function splitEntries(area: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + 4 <= area.length;) {
    const length = area.readUInt8(at + 2);
    const signature = area.subarray(at, at + 2).toString("latin1");
    if (length < 4 || at + length > area.length || signature === "ST") break;
    entries.push({ signature, data: area.subarray(at + 4, at + length) });
    at += length;
  }
  return entries;
}

type LinkText = { readonly text: string; readonly isComponentOpen: boolean };

/** Components of a link's target: flags, length, text; one may go on in the next entry. */
function appendLink(before: LinkText | undefined, components: Buffer): LinkText {
  let text = before?.text ?? "";
  let isComponentOpen = before?.isComponentOpen ?? false;
  for (let at = 0; at + 2 <= components.length;) {
    const flags = components.readUInt8(at);
    const length = components.readUInt8(at + 1);
    const name =
      (flags & NAME_CURRENT) !== 0
        ? "."
        : (flags & NAME_PARENT) !== 0
          ? ".."
          : components.subarray(at + 2, at + 2 + length).toString("utf8");
    if (text !== "" && !isComponentOpen && !text.endsWith("/")) text += "/";
    text += (flags & LINK_ROOT) !== 0 ? "/" : name;
    isComponentOpen = (flags & LINK_CONTINUES) !== 0;
    at += 2 + length;
  }
  return { text, isComponentOpen };
}
