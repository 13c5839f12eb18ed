import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { PERFECT_WAN, type WanConditions, type WanCounts } from "./conditions.ts";

/** A simulated WAN in front of one server, in a process of its own. */
export type SimulatedWan = {
  /** Where clients reach the server through it; no path. */
  readonly url: string;
  /** Changes the conditions that are named and keeps the others; in force once it resolves. */
  set(conditions: Partial<WanConditions>): Promise<void>;
  counts(): Promise<WanCounts>;
  /** Cuts all that is under way. */
  stop(): Promise<void>;
};

export type WanOptions = {
  /** The server's origin, e.g. `http://127.0.0.1:8787`. */
  readonly origin: string;
  readonly conditions?: Partial<WanConditions>;
  /** Of what befalls connections and exchanges. */
  readonly seed?: number;
  /** Where it listens; loopback by default. */
  readonly address?: string;
};

/** What the process is told. */
export type WanOrder =
  | {
      readonly kind: "start";
      readonly id: number;
      readonly target: { readonly host: string; readonly port: number };
      readonly conditions: WanConditions;
      readonly seed: number;
      readonly address: string;
    }
  | { readonly kind: "set"; readonly id: number; readonly conditions: WanConditions }
  | { readonly kind: "count"; readonly id: number };

/** What it answers to each. */
export type WanAnswer = {
  readonly kind: "done";
  readonly id: number;
  readonly port: number;
  readonly counts: WanCounts;
};

/**
 * Starts a WAN between whoever connects to its `url` and the server at `origin`.
 * It forwards TCP byte for byte, so that TLS passes as well.
 *
 * @example
 * const wan = await startWan({ origin, conditions: { roundTripMs: 300, stallShare: 0.1 } });
 * onTestFinished(() => wan.stop());
 * await wan.set({ state: "silent" });
 */
export async function startWan({
  origin,
  conditions = {},
  seed = 1,
  address = "127.0.0.1",
}: WanOptions): Promise<SimulatedWan> {
  const { protocol, hostname, port } = new URL(origin);
  const child = fork(fileURLToPath(new URL("wan-process.ts", import.meta.url)), { execArgv: [] });
  const exited = once(child, "exit");
  let current: WanConditions = { ...PERFECT_WAN, ...conditions };
  let orders = 0;

  type OrderBody<T = WanOrder> = T extends WanOrder ? Omit<T, "id"> : never;
  const tell = async (order: OrderBody): Promise<WanAnswer> => {
    const id = ++orders;
    const answered = new Promise<WanAnswer>((resolve, reject) => {
      const take = (message: WanAnswer): void => {
        if (message.id !== id) return;
        child.off("message", take);
        resolve(message);
      };
      child.on("message", take);
      void exited.then(() => reject(new Error("the simulated WAN has ended")));
    });
    child.send({ ...order, id });
    return answered;
  };

  const target = { host: hostname, port: Number(port || (protocol === "https:" ? 443 : 80)) };
  const started = await tell({ kind: "start", target, conditions: current, seed, address });
  return {
    url: `${protocol}//${address}:${started.port}`,
    async set(changes) {
      current = { ...current, ...changes };
      await tell({ kind: "set", conditions: current });
    },
    counts: async () => (await tell({ kind: "count" })).counts,
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
