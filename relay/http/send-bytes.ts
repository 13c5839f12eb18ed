import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

import type { Pacer } from "./pacer.ts";
import { answered, type Answer } from "./answer.ts";
import { createTurnstile } from "./turnstile.ts";

export type SendBytesOptions = {
  readonly response: ServerResponse;
  readonly pacer: Pacer;
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** The bytes to send, both inclusive. */
  readonly first: number;
  readonly last: number;
  /** Reads some bytes from `position` on, none behind `last`; at least one. */
  readonly read: (into: Buffer, position: number, last: number) => Promise<number>;
};

/** Of all responses together, for as long as they are few. */
const BUDGET_BYTES = 32 * 1024 * 1024;
const LARGEST_BYTES = 1024 * 1024;
const SMALLEST_BYTES = 64 * 1024;
/** Up to so many responses read ahead while they write; of more there is always one to write. */
const FEW = 16;

/** For one buffer, which it keeps from others as long as it takes. */
const SLOWEST_WRITE_MS = 5 * 60_000;

/** Writes of all responses in a turn of the event loop: some milliseconds' worth. */
const turn = createTurnstile(8);

let sending = 0;

/**
 * Sends a head and bytes, from two buffers a response while they are few: one
 * is read into while the other is on its way. The head waits for the first bytes, so that what
 * goes wrong before them can still be told.
 *
 * @throws what `read` throws
 */
export async function sendBytes(options: SendBytesOptions): Promise<Answer> {
  const { response, pacer, status, headers, first, last, read } = options;
  const client = response.req.socket.remoteAddress ?? "";
  let isReading = false;
  let position = first;
  let size = SMALLEST_BYTES;
  // Of a socket that is idle since we have nothing to send, the client is not to blame.
  response.on("timeout", () => isReading || response.destroy());
  sending++;
  try {
    let sent: Promise<unknown> | undefined;
    while (position <= last) {
      if (sending > FEW) await sent;
      const buffer = takeBuffer(Math.min(size, bufferSize(), pacer.pieceBytes, last - position + 1));
      // Many that begin together are not known to be many yet.
      size *= 2;
      isReading = true;
      await pacer.take(client, buffer.length, () => !response.destroyed);
      const length = await read(buffer, position, last);
      isReading = false;
      await turn();
      if (!response.headersSent) response.writeHead(status, headers);
      // One is on its way until then.
      await sent;
      if (response.destroyed) break;
      position += length;
      const bytes = buffer.subarray(0, length);
      if (position > last) response.end(bytes, () => giveBuffer(buffer));
      else sent = write(response, bytes).then((isSent) => isSent && giveBuffer(buffer));
    }
  } finally {
    sending--;
  }
  return answered(position - first);
}

/**
 * Resolves once the bytes are the kernel's, to `true`, or the client has gone;
 * one that takes hardly any is cut off. A response that waits behind others on
 * its connection is told of the client's leaving only by its `close`.
 */
function write(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), SLOWEST_WRITE_MS).unref();
    const end = (isSent: boolean): void => {
      clearTimeout(timer);
      response.off("close", leave);
      resolve(isSent);
    };
    const leave = (): void => end(false);
    response.once("close", leave);
    response.write(bytes, (error) => end(!error));
  });
}

/** Large ones make few system calls; many make much memory. */
function bufferSize(): number {
  const share = BUDGET_BYTES / (2 * Math.max(1, sending));
  return Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, 2 ** Math.floor(Math.log2(share))));
}

/** Buffers of the sizes that `bufferSize` gives, for those who come next: fresh ones cost page faults. */
const spares = new Map<number, Buffer[]>();
let spareBytes = 0;

function takeBuffer(size: number): Buffer {
  const spare = spares.get(size)?.pop();
  if (spare === undefined) return Buffer.allocUnsafeSlow(size);
  spareBytes -= size;
  return spare;
}

function giveBuffer(buffer: Buffer): void {
  const size = buffer.length;
  // The odd size of a file's end is wanted by nobody else; those of when few were sending are too large for many.
  if (size < SMALLEST_BYTES || 2 ** Math.floor(Math.log2(size)) !== size) return;
  if (size > bufferSize() || spareBytes + size > BUDGET_BYTES / 2) return;
  const same = spares.get(size) ?? [];
  spares.set(size, same);
  same.push(buffer);
  spareBytes += size;
}
