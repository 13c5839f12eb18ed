import { posix } from "node:path";
import { joinSources, sliceSource, type ByteSource } from "../image/byte-source.ts";
import { decodeDirectoryRecord, type DirectoryRecord, type Extent } from "./directory-record.ts";
import { IsoError } from "./errors.ts";
import { readRockRidge, systemUseOffset, type RockRidge } from "./rock-ridge.ts";
import { decodeName, readVolumes, type Volume } from "./volume.ts";

/** An ISO image's files, by path: `casper/vmlinuz`. */
export type IsoImage = {
  readonly label: string;
  /** Whether there is a UDF file system as well, which may hold more. */
  readonly hasUdf: boolean;
  readonly files: ReadonlyMap<string, ByteSource>;
};

const SECTOR_BYTES = 2_048;
const MAX_DEPTH = 64;
const MAX_ENTRIES = 500_000;
const MAX_DIRECTORY_BYTES = 64 << 20;

/**
 * Reads the tree of an ISO 9660 image. Names are Rock Ridge's, else Joliet's,
 * else ISO's own in lower case and without version, as Linux mounts them.
 * Symbolic links to files are those files; links to directories are left out.
 *
 * @throws IsoError
 */
export async function readIso(source: ByteSource): Promise<IsoImage> {
  const { primary, joliet, hasUdf } = await readVolumes(source);
  const { label } = primary;
  const offset = await rockRidgeOffset(source, primary);
  const walk = new Walk(source, offset === undefined ? (joliet ?? primary) : primary, offset);
  await walk.enter(walk.volume.root.extent, "", 0);
  return { label, hasUdf, files: walk.finish() };
}

/** The root's first record is its own. */
async function rockRidgeOffset(source: ByteSource, volume: Volume): Promise<number | undefined> {
  const bytes = await source.read(volume.root.extent.position, SECTOR_BYTES);
  const length = bytes[0] ?? 0;
  const self = decodeDirectoryRecord(bytes.subarray(0, length), volume.blockBytes);
  if (self === undefined) throw new IsoError("damaged", "its root directory cannot be read");
  return systemUseOffset(self.systemUse);
}

class Walk {
  readonly volume: Volume;
  readonly #source: ByteSource;
  /** `undefined`: there is no Rock Ridge. */
  readonly #systemUseOffset: number | undefined;
  readonly #files = new Map<string, ByteSource>();
  readonly #links = new Map<string, string>();
  readonly #entered = new Set<number>();
  #entries = 0;

  constructor(source: ByteSource, volume: Volume, systemUseOffset: number | undefined) {
    this.#source = source;
    this.volume = volume;
    this.#systemUseOffset = systemUseOffset;
  }

  /** Reads a directory and all below it. */
  async enter(extent: Extent, path: string, depth: number): Promise<void> {
    // A directory that holds itself would never end.
    if (this.#entered.has(extent.position) || depth > MAX_DEPTH) {
      throw new IsoError("damaged", `its directory ${path} holds itself`);
    }
    this.#entered.add(extent.position);
    if (extent.sizeBytes > MAX_DIRECTORY_BYTES) {
      throw new IsoError("damaged", `its directory ${path} is larger than can be`);
    }
    const extents: Extent[] = [];
    for (const record of this.#split(await this.#read(extent, path))) {
      this.#entries += 1;
      if (this.#entries > MAX_ENTRIES) throw new IsoError("damaged", "it holds more entries than can be");
      const rockRidge = await this.#rockRidge(record);
      const name = this.#nameOf(record, rockRidge);
      if (name === undefined || rockRidge.isRelocated) continue;
      const child = path === "" ? name : `${path}/${name}`;
      if (rockRidge.childBlock !== undefined) {
        await this.enter(await this.#relocated(rockRidge.childBlock, child), child, depth + 1);
      } else if (record.isDirectory) {
        await this.enter(record.extent, child, depth + 1);
      } else if (rockRidge.link !== undefined) {
        this.#links.set(child, posix.normalize(posix.join(path, rockRidge.link)));
      } else {
        extents.push(record.extent);
        if (record.hasMoreExtents) continue;
        this.#files.set(child, this.#fileOf(extents.splice(0), child));
      }
    }
  }

  /** Links are followed once all files are known. */
  finish(): ReadonlyMap<string, ByteSource> {
    for (const [path, target] of this.#links) {
      let end: string | undefined = target;
      for (let hop = 0; hop < 8 && end !== undefined && !this.#files.has(end); hop++) {
        end = this.#links.get(end);
      }
      const file = end === undefined ? undefined : this.#files.get(end);
      if (file !== undefined) this.#files.set(path, file);
    }
    return this.#files;
  }

  async #read({ position, sizeBytes }: Extent, path: string): Promise<Buffer> {
    const bytes = await this.#source.read(position, sizeBytes);
    if (bytes.length < sizeBytes) throw truncated(path === "" ? "its root directory" : path);
    return bytes;
  }

  /** Records do not cross sectors; what is left of one is zero. */
  *#split(directory: Buffer): Generator<DirectoryRecord> {
    for (let at = 0; at < directory.length;) {
      const length = directory.readUInt8(at);
      if (length === 0) {
        at = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES;
        continue;
      }
      const record = decodeDirectoryRecord(directory.subarray(at, at + length), this.volume.blockBytes);
      if (record === undefined) throw new IsoError("damaged", "a directory's entry cannot be read");
      at += length;
      // The directory itself, and the one above.
      if (record.name.length > 1 || record.name[0]! > 1) yield record;
    }
  }

  async #rockRidge({ systemUse }: DirectoryRecord): Promise<RockRidge> {
    if (this.#systemUseOffset === undefined) return {};
    const area = systemUse.subarray(this.#systemUseOffset);
    return await readRockRidge(this.#source, area, this.volume.blockBytes);
  }

  /** `undefined` for a name that could lead out of its directory. */
  #nameOf(record: DirectoryRecord, rockRidge: RockRidge): string | undefined {
    const name = rockRidge.name ?? this.#plainName(record);
    return name === "" || name === "." || name === ".." || /[/\0]/.test(name) ? undefined : name;
  }

  #plainName({ name }: DirectoryRecord): string {
    const text = decodeName(name, this.volume.encoding).replace(/;\d+$/, "");
    return this.volume.encoding === "ucs2" ? text : text.replace(/\.$/, "").toLowerCase();
  }

  /** A directory that stands elsewhere: its own first record tells how long it is. */
  async #relocated(block: number, path: string): Promise<Extent> {
    const position = block * this.volume.blockBytes;
    const bytes = await this.#source.read(position, SECTOR_BYTES);
    const self = decodeDirectoryRecord(bytes.subarray(0, bytes[0] ?? 0), this.volume.blockBytes);
    if (self === undefined) throw new IsoError("damaged", `its directory ${path} cannot be read`);
    return { position, sizeBytes: self.extent.sizeBytes };
  }

  #fileOf(extents: readonly Extent[], path: string): ByteSource {
    for (const { position, sizeBytes } of extents) {
      if (sizeBytes > 0 && position + sizeBytes > this.#source.sizeBytes) throw truncated(path);
    }
    return joinSources(
      extents.map(({ position, sizeBytes }) => sliceSource(this.#source, position, sizeBytes)),
    );
  }
}

function truncated(what: string): IsoError {
  return new IsoError("damaged", `it ends before ${what} does: is the download complete?`);
}
