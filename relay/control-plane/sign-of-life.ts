/** When the control plane answered last, by whatever way it was asked. */
export type SignOfLife = {
  note(): void;
  /** `performance.now()` time; long ago where there was none. */
  lastAt(): number;
};

/** Creates the memory of one control plane's last answer. */
export function createSignOfLife(): SignOfLife {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    note() {
      lastAt = performance.now();
    },
    lastAt: () => lastAt,
  };
}
