import type { Ipv4 } from "../../core/addresses.ts";

/** The part of a session that is counted. */
type Counted = { isHeard(): boolean };

/** The transfers of each client address, by which it is limited. */
export type ClientTransfers = {
  /** How many an address has, and how many of them while it has not been heard. */
  count(address: Ipv4): { readonly all: number; readonly unheard: number };
  add(address: Ipv4, session: Counted): void;
  /**
   * One ended. One that another request from its port replaced before the
   * client was heard counts on for as long as it would have run: a forger could
   * else have a first block for each request.
   */
  remove(address: Ipv4, session: Counted, isReplaced: boolean): void;
};

/** @param patienceMs how long a transfer runs whose client is not heard */
export function createClientTransfers(patienceMs: number): ClientTransfers {
  const sessions = new Map<Ipv4, Set<Counted>>();

  function forget(address: Ipv4, session: Counted): void {
    const ofClient = sessions.get(address);
    ofClient?.delete(session);
    if (ofClient?.size === 0) sessions.delete(address);
  }

  return {
    count(address) {
      const ofClient = sessions.get(address);
      let unheard = 0;
      for (const session of ofClient ?? []) if (!session.isHeard()) unheard++;
      return { all: ofClient?.size ?? 0, unheard };
    },
    add(address, session) {
      const ofClient = sessions.get(address) ?? new Set();
      sessions.set(address, ofClient.add(session));
    },
    remove(address, session, isReplaced) {
      if (isReplaced && !session.isHeard()) setTimeout(forget, patienceMs, address, session).unref();
      else forget(address, session);
    },
  };
}
