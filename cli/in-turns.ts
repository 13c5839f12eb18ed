/** Requests at once to a control plane that others use, too. */
const AT_ONCE = 8;

/**
 * Does some work on each item, a few at a time; results are in the items' order.
 * Once one has failed no more is begun.
 *
 * @throws what the first one threw, when those that had begun have ended
 */
export async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [i, item] of waiting) {
      if (failures.length > 0) return;
      try {
        results[i] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
