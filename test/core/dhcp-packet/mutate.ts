/** A seeded generator of numbers in [0, 1) (mulberry32): a failing run can be had again. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy with one to eight bytes changed, mostly among the options; at times cut short. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const length = random() < 0.2 ? Math.floor(random() * (bytes.length + 1)) : bytes.length;
  const mutated = bytes.slice(0, length);
  if (length === 0) return mutated;
  for (let changes = Math.ceil(random() * 8); changes > 0; changes--) {
    // The fixed fields are 240 of some 400 bytes, and the least interesting ones.
    const from = length > 240 && random() < 0.8 ? 240 : 0;
    mutated[from + Math.floor(random() * (length - from))] = Math.floor(random() * 256);
  }
  return mutated;
}
