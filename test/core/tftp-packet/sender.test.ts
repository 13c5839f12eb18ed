import { describe, expect, test } from "vitest";
import {
  acknowledge,
  expire,
  repeatRequest,
  startSender,
  type SenderAction,
  type SenderPlan,
  type SenderState,
  type SenderStep,
} from "../../../core/tftp-packet/index.ts";

const PLAN: SenderPlan = {
  sizeBytes: 5_000,
  blockSizeBytes: 512,
  windowSize: 1,
  opensWithOack: false,
  maxResends: 3,
  maxResendsUnheard: 2,
};
const blocks = (first: number, last = first): SenderAction => ({ kind: "send-blocks", first, last });

/** Applies `moves` (a number is an ACK of it) and tells the last action. */
function play(plan: Partial<SenderPlan>, ...moves: (number | "expire" | "repeat")[]): SenderStep {
  let step = startSender({ ...PLAN, ...plan });
  for (const move of moves) {
    if (move === "expire") step = expire(step.state);
    else if (move === "repeat") step = repeatRequest(step.state);
    else step = acknowledge(step.state, move);
  }
  return step;
}

test("T35 a duplicate ACK never triggers DATA", () => {
  expect(play({}, 1).action).toEqual(blocks(2));
  expect(play({}, 1, 1).action).toEqual({ kind: "wait" });
  expect(play({}, 1, 2, 1).action).toEqual({ kind: "wait" });
  expect(play({ opensWithOack: true }, 0, 0).action).toEqual({ kind: "wait" });
  expect(play({ windowSize: 4 }, 4, 4).action).toEqual({ kind: "wait" });
});

test("T35 an ACK of what was not sent yet is ignored", () => {
  expect(play({}, 2).action).toEqual({ kind: "wait" });
  expect(play({ opensWithOack: true }, 1).action).toEqual({ kind: "wait" });
});

test("T35 re-sending follows a timeout only, and is bounded; progress counts anew", () => {
  expect(play({}, 1, "expire").action).toEqual(blocks(2));
  expect(play({}, 1, "expire", "expire", "expire").action).toEqual(blocks(2));
  expect(play({}, 1, "expire", "expire", "expire", "expire").action).toEqual({ kind: "give-up" });
  expect(play({}, 1, "expire", "expire", "expire", 2, "expire").action).toEqual(blocks(3));
});

test("T35 a client that was never heard gets fewer re-sends", () => {
  expect(play({}, "expire", "expire").action).toEqual(blocks(1));
  expect(play({}, "expire", "expire", "expire").action).toEqual({ kind: "give-up" });
});

test("T36 65535 rolls over to 0", () => {
  const before: SenderState = {
    ...startSender({ ...PLAN, sizeBytes: 100 * 1024 * 1024 }).state,
    acknowledged: 65_534,
    sent: 65_535,
  };
  const at65536 = acknowledge(before, 65_535);
  expect(at65536.action).toEqual(blocks(65_536));
  const at65537 = acknowledge(at65536.state, 0);
  expect(at65537.action).toEqual(blocks(65_537));
  expect(acknowledge(at65537.state, 0).action).toEqual({ kind: "wait" });
});

test("T36 a window across the rollover resumes in its middle", () => {
  const before: SenderState = {
    ...startSender({ ...PLAN, sizeBytes: 100 * 1024 * 1024, windowSize: 8 }).state,
    acknowledged: 65_530,
    sent: 65_538,
  };
  expect(acknowledge(before, 1).action).toEqual(blocks(65_538, 65_545));
});

describe("T37 a multiple of blksize ends in an empty block", () => {
  test.each([
    [0, 1],
    [511, 1],
    [512, 2],
    [513, 2],
    [1024, 3],
  ])("%d bytes are %d blocks", (sizeBytes, count) => {
    const acks = Array.from({ length: count }, (_, index) => index + 1);
    const { state, action } = play({ sizeBytes }, ...acks);
    expect(state.lastBlock).toBe(count);
    expect(action).toEqual({ kind: "finish" });
  });
});

test("T38 the OACK comes first, a lost one is sent again, DATA starts after ACK 0", () => {
  expect(play({ opensWithOack: true }).action).toEqual({ kind: "send-oack" });
  expect(play({ opensWithOack: true }, "expire").action).toEqual({ kind: "send-oack" });
  expect(play({ opensWithOack: true }, "expire", 0).action).toEqual(blocks(1));
  expect(play({ opensWithOack: true }, 1).action).toEqual({ kind: "wait" });
  expect(play({ opensWithOack: true }, 1, 0).action).toEqual(blocks(1));
});

test("T42 a window is sent at once; an ACK in its middle resumes right after it", () => {
  const plan = { windowSize: 4, opensWithOack: true };
  expect(play(plan, 0).action).toEqual(blocks(1, 4));
  expect(play(plan, 0, 4).action).toEqual(blocks(5, 8));
  expect(play(plan, 0, 2).action).toEqual(blocks(3, 6));
  expect(play(plan, 0, 2, "expire").action).toEqual(blocks(3, 6));
  expect(play(plan, 0, 4, 8).action).toEqual(blocks(9, 10));
  expect(play(plan, 0, 4, 8, 10).action).toEqual({ kind: "finish" });
});

test("T45 a repeated request repeats the first packet until the client is heard", () => {
  expect(play({}, "repeat").action).toEqual(blocks(1));
  expect(play({ opensWithOack: true }, "repeat").action).toEqual({ kind: "send-oack" });
  expect(play({ opensWithOack: true }, 0, "repeat").action).toEqual({ kind: "wait" });
  expect(play({}, 1, "repeat").action).toEqual({ kind: "wait" });
});

test("T45 repetitions of a request are bounded with the re-sends", () => {
  expect(play({}, "repeat", "expire").action).toEqual(blocks(1));
  expect(play({}, "repeat", "expire", "repeat").action).toEqual({ kind: "wait" });
  expect(play({}, "repeat", "repeat", "expire").action).toEqual({ kind: "give-up" });
  expect(play({ opensWithOack: true }, "repeat", "repeat", "repeat").action).toEqual({ kind: "wait" });
  expect(play({ opensWithOack: true }, "repeat", "repeat", 0, "expire").action).toEqual(blocks(1));
});

test("a lossy link delivers every block, in order, whatever the window", () => {
  // A linear congruential generator: the same losses each time.
  let seed = 7440;
  const lost = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31 < 0.2;
  for (const windowSize of [1, 2, 4, 16, 64]) {
    const plan = { ...PLAN, sizeBytes: 512 * 300, windowSize, opensWithOack: true, maxResends: 50 };
    let step = startSender({ ...plan, maxResendsUnheard: 50 });
    let received = -1;
    let widest = 0;
    for (let turns = 0; step.action.kind !== "finish"; turns++) {
      expect(turns).toBeLessThan(5_000);
      const { action } = step;
      let arrived = false;
      if (action.kind === "send-oack" && !lost()) {
        received = Math.max(received, 0);
        arrived = true;
      }
      if (action.kind === "send-blocks") {
        widest = Math.max(widest, action.last - action.first + 1);
        for (let block = action.first; block <= action.last; block++) {
          if (lost()) continue;
          arrived = true;
          if (block === received + 1) received = block;
        }
      }
      step = arrived && !lost() ? acknowledge(step.state, received & 0xffff) : expire(step.state);
      if (step.action.kind === "wait") step = expire(step.state);
    }
    expect(received).toBe(301);
    expect(widest).toBe(windowSize);
  }
});
