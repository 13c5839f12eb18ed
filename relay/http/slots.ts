import type { Ipv4 } from "../../core/addresses.ts";

/** A bounded number of things that may be under way at once. */
export type Slots = {
  /** `undefined` when all are taken, or all of one client's: half of them. */
  take(client: Ipv4): { release(): void } | undefined;
};

/** Creates so many free slots. */
export function createSlots(count: number): Slots {
  const perClient = new Map<Ipv4, number>();
  let taken = 0;
  return {
    take(client) {
      const own = perClient.get(client) ?? 0;
      if (taken >= count || own >= count / 2) return undefined;
      taken++;
      perClient.set(client, own + 1);
      let isHeld = true;
      return {
        release() {
          if (!isHeld) return;
          isHeld = false;
          taken--;
          const left = perClient.get(client)! - 1;
          if (left === 0) perClient.delete(client);
          else perClient.set(client, left);
        },
      };
    },
  };
}
