import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { WanConditions, WanCounts } from "./conditions.ts";
import { carry } from "./direction.ts";
import type { Link } from "./link.ts";

/** What the connections of one WAN share. */
export type Wan = {
  readonly target: { readonly host: string; readonly port: number };
  readonly conditions: () => WanConditions;
  /** Resolves while bytes may pass. */
  readonly passable: (signal: AbortSignal) => Promise<void>;
  readonly up: Link;
  readonly down: Link;
  /** In [0, 1). */
  readonly random: () => number;
  readonly counts: { -readonly [Name in keyof WanCounts]: WanCounts[Name] };
};

/** What befalls the answer of the exchange under way. */
type Fault = { readonly kind: "stall" | "cut"; readonly afterBytes: number; readonly ms: number | null };

/** Carries one connection through the WAN until either side ends it; never throws. */
export async function carryConnection(wan: Wan, client: Socket): Promise<void> {
  const closing = new AbortController();
  const { signal } = closing;
  const server = connect({ ...wan.target, allowHalfOpen: true, noDelay: true });
  const breakOff = (): void => {
    closing.abort();
    client.resetAndDestroy();
    server.resetAndDestroy();
  };
  client.on("error", breakOff);
  server.on("error", breakOff);
  try {
    // The kernel has accepted at once; over a real WAN that takes a round trip.
    await sleep(wan.conditions().roundTripMs, undefined, { signal });
    await carryBothWays(wan, client, server, signal);
  } catch {
    // A side that broke, or a cut: there is nobody to tell but the other side.
    breakOff();
  }
}

async function carryBothWays(wan: Wan, client: Socket, server: Socket, signal: AbortSignal): Promise<void> {
  const { counts } = wan;
  const delayMs = (): number => wan.conditions().roundTripMs / 2;
  let answering = true;
  let answered = 0;
  let fault: Fault | undefined;

  const toServer = async (piece: Buffer): Promise<void> => {
    await wan.passable(signal);
    if (answering) {
      answering = false;
      answered = 0;
      counts.exchanges++;
      fault = drawFault(wan);
    }
    counts.bytesUp += piece.length;
    await write(server, piece, signal);
  };

  const toClient = async (piece: Buffer): Promise<void> => {
    await wan.passable(signal);
    answering = true;
    let rest = piece;
    if (fault !== undefined && answered + piece.length > fault.afterBytes) {
      const before = fault.afterBytes - answered;
      await pass(rest.subarray(0, before));
      rest = rest.subarray(before);
      const { kind, ms } = fault;
      fault = undefined;
      if (kind === "cut") {
        counts.cut++;
        throw new Error("cut");
      }
      counts.stalled++;
      await (ms === null ? once(signal, "abort") : sleep(ms, undefined, { signal }));
    }
    await pass(rest);
  };

  const pass = async (bytes: Buffer): Promise<void> => {
    answered += bytes.length;
    counts.bytesDown += bytes.length;
    if (bytes.length > 0) await write(client, bytes, signal);
  };

  await Promise.all([
    carry({ from: client, to: server, link: wan.up, delayMs, arrive: toServer, signal }),
    carry({ from: server, to: client, link: wan.down, delayMs, arrive: toClient, signal }),
  ]);
}

function drawFault({ conditions, random }: Wan): Fault | undefined {
  const { stallShare, stallAfterBytes, stallMs, cutShare, cutAfterBytes } = conditions();
  const drawn = random();
  if (drawn < stallShare) return { kind: "stall", afterBytes: stallAfterBytes, ms: stallMs };
  if (drawn < stallShare + cutShare) return { kind: "cut", afterBytes: cutAfterBytes, ms: null };
  return undefined;
}

async function write(to: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (!to.write(bytes)) await once(to, "drain", { signal });
}
