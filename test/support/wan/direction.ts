import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Link } from "./link.ts";

export type DirectionOptions = {
  readonly from: Socket;
  readonly to: Socket;
  readonly link: Link;
  /** One way. */
  readonly delayMs: () => number;
  /** Writes a piece where it arrives; what it waits for holds up all behind it. */
  readonly arrive: (piece: Buffer) => Promise<void>;
  readonly signal: AbortSignal;
};

/** Small enough that connections share a slow link evenly. */
const PIECE_BYTES = 16 * 1024;

/** Most bytes of one direction of a connection on their way, as TCP's window would have it. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Stands for the end of what the sender has to say. */
const END = Buffer.alloc(0);

/**
 * Carries one direction of a connection, its end included: bytes leave at the
 * link's rate, arrive after the delay, and never overtake each other.
 *
 * @throws when either side breaks, or `AbortError`
 */
export async function carry({ from, to, link, delayMs, arrive, signal }: DirectionOptions): Promise<void> {
  const underway: { readonly piece: Buffer; readonly at: number }[] = [];
  const bytesUnderway = (): number => underway.reduce((sum, { piece }) => sum + piece.length, 0);
  const changed = new EventTarget();
  const change = (): void => void changed.dispatchEvent(new Event("change"));

  const leave = async (): Promise<void> => {
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let offset = 0; offset < chunk.length; offset += PIECE_BYTES) {
        const piece = chunk.subarray(offset, offset + PIECE_BYTES);
        await link.send(piece.length, signal);
        underway.push({ piece, at: performance.now() + delayMs() });
        change();
        while (bytesUnderway() > WINDOW_BYTES) await once(changed, "change", { signal });
      }
    }
    underway.push({ piece: END, at: performance.now() + delayMs() });
    change();
  };

  const land = async (): Promise<void> => {
    for (;;) {
      const next = underway.shift();
      if (next === undefined) {
        await once(changed, "change", { signal });
        continue;
      }
      const waitMs = next.at - performance.now();
      if (waitMs >= 1) await sleep(waitMs, undefined, { signal });
      if (next.piece === END) {
        to.end();
        return;
      }
      await arrive(next.piece);
      change();
    }
  };

  await Promise.all([leave(), land()]);
}
