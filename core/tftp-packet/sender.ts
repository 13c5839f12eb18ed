/**
 * The sending side of a transfer as a pure state machine: what to send next,
 * given what the client acknowledged or failed to. It knows numbers only;
 * sockets, files and timers are the caller's.
 *
 *     start ─▶ (OACK ─▶ ACK 0) ─▶ window ─▶ ACK n ─▶ window … ─▶ ACK last: finished
 *
 * Blocks are counted from 1 without end; the wire's 16 bits are made at the
 * edge, so that 65535 rolls over to 0. The last block is the first one shorter
 * than the block size, hence empty where the size is a multiple of it.
 */

/** What does not change during a transfer. */
export type SenderPlan = {
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  /** Blocks in flight; below 65536, else an ACK would be ambiguous. */
  readonly windowSize: number;
  /** Whether options were accepted, so that an OACK comes first and ACK 0 after it. */
  readonly opensWithOack: boolean;
  /** Re-sends in a row without progress before the transfer is given up. */
  readonly maxResends: number;
  /** The same until the client is first heard, repeated requests included: its address may be forged. */
  readonly maxResendsUnheard: number;
};

export type SenderState = {
  readonly plan: SenderPlan;
  /** Number of the last block. */
  readonly lastBlock: number;
  /** Whether the client has acknowledged anything, the OACK included. */
  readonly heard: boolean;
  /** Highest block acknowledged; 0: none. */
  readonly acknowledged: number;
  /** Highest block sent; 0: none. */
  readonly sent: number;
  /** Re-sends since the last progress. */
  readonly resends: number;
};

export type SenderAction =
  | { readonly kind: "send-oack" }
  | { readonly kind: "send-blocks"; readonly first: number; readonly last: number }
  /** Nothing to send; the timer runs on. */
  | { readonly kind: "wait" }
  /** The last block was acknowledged. */
  | { readonly kind: "finish" }
  /** The client has been silent for too long. */
  | { readonly kind: "give-up" };

export type SenderStep = { readonly state: SenderState; readonly action: SenderAction };

/** Opens a transfer: the OACK, or block 1 where no option was accepted. */
export function startSender(plan: SenderPlan): SenderStep {
  const state: SenderState = {
    plan,
    lastBlock: Math.floor(plan.sizeBytes / plan.blockSizeBytes) + 1,
    heard: false,
    acknowledged: 0,
    sent: 0,
    resends: 0,
  };
  return plan.opensWithOack ? { state, action: { kind: "send-oack" } } : sendWindow(state);
}

/**
 * Takes an ACK of `wireBlock`. One in the middle of the window says that what
 * follows was lost: the next window starts right after it (RFC 7440 section 4).
 * One that acknowledges nothing new never causes a send, or two ends that each
 * answer a duplicate would double every block to the end (RFC 1123 section 4.2.3.1).
 */
export function acknowledge(state: SenderState, wireBlock: number): SenderStep {
  if (state.sent === 0) {
    // Only the OACK is out, which is acknowledged as block 0.
    return wireBlock === 0 ? sendWindow({ ...state, heard: true, resends: 0 }) : wait(state);
  }
  const progress = (wireBlock - state.acknowledged) & 0xffff;
  if (progress === 0 || progress > state.sent - state.acknowledged) return wait(state);
  const next = { ...state, heard: true, acknowledged: state.acknowledged + progress, resends: 0 };
  if (next.acknowledged === next.lastBlock) return { state: next, action: { kind: "finish" } };
  return sendWindow(next);
}

/** Takes the end of a re-send interval: what is out is sent again, a bounded number of times. */
export function expire(state: SenderState): SenderStep {
  const limit = state.heard ? state.plan.maxResends : state.plan.maxResendsUnheard;
  if (state.resends >= limit) return { state, action: { kind: "give-up" } };
  return { state: { ...state, resends: state.resends + 1 }, action: inFlight(state) };
}

/**
 * Takes a repetition of the request itself: the first answer may be lost, so
 * it is sent again, until the client is heard. It counts as a re-send: who
 * forges a request can forge it a thousand times.
 */
export function repeatRequest(state: SenderState): SenderStep {
  if (state.heard || state.resends >= state.plan.maxResendsUnheard) return wait(state);
  return { state: { ...state, resends: state.resends + 1 }, action: inFlight(state) };
}

function inFlight(state: SenderState): SenderAction {
  if (state.sent === 0) return { kind: "send-oack" };
  return { kind: "send-blocks", first: state.acknowledged + 1, last: state.sent };
}

function sendWindow(state: SenderState): SenderStep {
  const first = state.acknowledged + 1;
  const last = Math.min(state.acknowledged + state.plan.windowSize, state.lastBlock);
  return { state: { ...state, sent: last }, action: { kind: "send-blocks", first, last } };
}

function wait(state: SenderState): SenderStep {
  return { state, action: { kind: "wait" } };
}
