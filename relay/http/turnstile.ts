/** Resolves when it is one's turn. */
export type Turnstile = () => Promise<void>;

/**
 * Creates a turnstile that lets so many through in each turn of the event loop,
 * in the order in which they came: what comes in meanwhile (a DHCP packet, a
 * request for a script) is handled between turns, not behind all of them.
 */
export function createTurnstile(perTurn: number): Turnstile {
  let waiting: (() => void)[] = [];
  let isTurning = false;

  function turn(): void {
    const next = waiting.slice(0, perTurn);
    waiting = waiting.slice(perTurn);
    for (const proceed of next) proceed();
    if (waiting.length > 0) setImmediate(turn);
    else isTurning = false;
  }

  return () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    if (!isTurning) setImmediate(turn);
    isTurning = true;
    return promise;
  };
}
