/**
 * The program behind wan.ts: forwards TCP to one server under changing
 * conditions. Told what to do, and answering, by messages of Node's IPC.
 */
import { once, setMaxListeners } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { PERFECT_WAN, type WanConditions } from "./conditions.ts";
import { carryConnection, type Wan } from "./connection.ts";
import { createLink } from "./link.ts";
import type { WanAnswer, WanOrder } from "./wan.ts";

let conditions: WanConditions = PERFECT_WAN;
const changed = new EventTarget();
setMaxListeners(0, changed);
const open = new Set<Socket>();
const counts: Wan["counts"] = {
  connections: 0,
  exchanges: 0,
  stalled: 0,
  cut: 0,
  bytesUp: 0,
  bytesDown: 0,
};

/** A small generator with a seed (mulberry32): what failed once fails again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function apply(next: WanConditions): void {
  conditions = next;
  if (next.state === "refused") for (const socket of open) socket.resetAndDestroy();
  changed.dispatchEvent(new Event("change"));
}

async function start(order: Extract<WanOrder, { kind: "start" }>): Promise<void> {
  conditions = order.conditions;
  const random = createRandom(order.seed);
  const wan: Wan = {
    target: order.target,
    conditions: () => conditions,
    passable: async (signal) => {
      while (conditions.state !== "up") await once(changed, "change", { signal });
    },
    up: createLink(() => conditions.bitsPerSecond),
    down: createLink(() => conditions.bitsPerSecond),
    random,
    counts,
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    counts.connections++;
    client.on("error", () => undefined);
    if (conditions.state === "refused" || random() < conditions.resetShare) {
      client.resetAndDestroy();
      return;
    }
    open.add(client);
    client.once("close", () => open.delete(client));
    void carryConnection(wan, client);
  });
  server.listen(0, order.address);
  await once(server, "listening");
  answer({ kind: "done", id: order.id, port: (server.address() as AddressInfo).port, counts });
}

function answer(message: WanAnswer): void {
  process.send!(message);
}

process.on("message", (order: WanOrder) => {
  switch (order.kind) {
    case "start":
      void start(order);
      return;
    case "set":
      apply(order.conditions);
      break;
    case "count":
      break;
  }
  answer({ kind: "done", id: order.id, port: 0, counts: { ...counts } });
});
process.on("disconnect", () => process.exit());
