import { once, setMaxListeners } from "node:events";
import { open, rename, rm, type FileHandle } from "node:fs/promises";

/** Reads a body that is there, or is still coming. */
export type BodyReader = {
  /** All of it; resolves when the origin has said so, or has ended. @throws when it breaks off before */
  sizeBytes(): Promise<number>;
  /**
   * Reads from `position` on, at least one byte and none behind `last`, waiting for what has not come.
   *
   * @throws when the body breaks off before
   */
  read(into: Buffer, position: number, last: number): Promise<number>;
  close(): Promise<void>;
};

/** A body on its way from an origin into a file, read by any number of clients meanwhile. */
export class SpooledBody {
  readonly #file: FileHandle;
  readonly #announcedBytes: number | undefined;
  readonly #changed = new EventTarget();
  #path: string;
  #readers = 0;
  #isOpen = true;
  #isReceived = false;
  #received = 0;
  #end: "coming" | "whole" | Error = "coming";

  private constructor(path: string, file: FileHandle, announcedBytes: number | undefined) {
    this.#path = path;
    this.#file = file;
    this.#announcedBytes = announcedBytes;
    setMaxListeners(0, this.#changed);
  }

  /** @throws what keeps the file from being created */
  static async create(path: string, announcedBytes: number | undefined): Promise<SpooledBody> {
    return new SpooledBody(path, await open(path, "wx+", 0o600), announcedBytes);
  }

  get receivedBytes(): number {
    return this.#received;
  }

  /** Whether all of it has come; it may not be durable yet. */
  get isReceived(): boolean {
    return this.#isReceived;
  }

  /** @throws what keeps it from being written */
  async append(chunk: Buffer): Promise<void> {
    await this.#file.write(chunk, 0, chunk.length, this.#received);
    this.#received += chunk.length;
    this.#changed.dispatchEvent(new Event("change"));
  }

  /** Makes it durable under its final name. @throws when that fails; then it is as if it had broken off */
  async finish(path: string): Promise<void> {
    this.#isReceived = true;
    await this.#file.datasync();
    await rename(this.#path, path);
    this.#path = path;
    this.#settle("whole");
    await this.#closeUnused();
  }

  /** Ends all reading behind what has come, and leaves no file. */
  async fail(error: Error): Promise<void> {
    this.#settle(error);
    await this.#closeUnused();
    await rm(this.#path, { force: true });
  }

  /** @throws when it is whole and has been removed since */
  async openReader(): Promise<BodyReader> {
    // The last reader has closed it, and it has its final name.
    if (!this.#isOpen) return openStoredBody(this.#path, this.#received);
    this.#readers++;
    const come = async (enough: () => boolean): Promise<void> => {
      while (!enough() && this.#end === "coming") await once(this.#changed, "change");
      if (!enough() && this.#end instanceof Error) throw this.#end;
    };
    return {
      sizeBytes: async () => {
        if (this.#announcedBytes !== undefined) return this.#announcedBytes;
        await come(() => this.#end === "whole");
        return this.#received;
      },
      read: async (into, position, last) => {
        await come(() => this.#received > position);
        const length = Math.min(into.length, last - position + 1, this.#received - position);
        return readSome(this.#file, into, length, position);
      },
      close: async () => {
        this.#readers--;
        await this.#closeUnused();
      },
    };
  }

  async #closeUnused(): Promise<void> {
    if (this.#readers > 0 || this.#end === "coming" || !this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  #settle(end: "whole" | Error): void {
    if (this.#end === "coming") this.#end = end;
    this.#changed.dispatchEvent(new Event("change"));
  }
}

/** Opens a body that is there. @throws when the file is gone */
export async function openStoredBody(path: string, sizeBytes: number): Promise<BodyReader> {
  const file = await open(path, "r");
  return {
    sizeBytes: () => Promise.resolve(sizeBytes),
    read: (into, position, last) =>
      readSome(file, into, Math.min(into.length, last - position + 1), position),
    close: () => file.close(),
  };
}

async function readSome(file: FileHandle, into: Buffer, length: number, position: number): Promise<number> {
  const { bytesRead } = await file.read(into, 0, length, position);
  if (bytesRead === 0) throw new Error("the kept file is shorter than it was");
  return bytesRead;
}
