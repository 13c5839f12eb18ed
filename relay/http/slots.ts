import type { Ipv4 } from "../../core/addresses.ts";

export type SlotLimits = { readonly total: number; readonly perClient: number };

/** A bounded number of things that may be under way at once, of all clients and of each. */
export type Slots = {
  readonly taken: number;
  /** Returns what gives the slot back, once; `undefined` when there is none, or none for this client. */
  take(client: Ipv4): (() => void) | undefined;
};

/** Creates free slots. */
export function createSlots({ total, perClient }: SlotLimits): Slots {
  const byClient = new Map<Ipv4, number>();
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take(client) {
      const own = byClient.get(client) ?? 0;
      if (taken >= total || own >= perClient) return undefined;
      taken++;
      byClient.set(client, own + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        taken--;
        const left = byClient.get(client)! - 1;
        if (left === 0) byClient.delete(client);
        else byClient.set(client, left);
      };
    },
  };
}
