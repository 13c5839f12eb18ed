import { describe, expect, test } from "vitest";
import { maxBlockSizeOfMtu, negotiate, type TransferLimits } from "../../../core/tftp-packet/index.ts";

const LIMITS: TransferLimits = {
  fileSizeBytes: 173_792,
  maxBlockSizeBytes: 1468,
  maxWindowSize: 64,
  mode: "octet",
};

/** Options by `name=value`, both ways. */
function oack(asked: string, limits: Partial<TransferLimits> = {}): string {
  const options = asked
    .split(" ")
    .filter(Boolean)
    .map((option) => {
      const [name = "", value = ""] = option.split("=");
      return { name, value };
    });
  const { accepted } = negotiate(options, { ...LIMITS, ...limits });
  return accepted.map(({ name, value }) => `${name}=${value}`).join(" ");
}

describe("T38 the OACK holds only what was asked, never larger", () => {
  test.each([
    ["tsize=0 blksize=1468 windowsize=4", "tsize=173792 blksize=1468 windowsize=4"],
    ["windowsize=4 blksize=1468", "windowsize=4 blksize=1468"],
    ["blksize=65464", "blksize=1468"],
    ["blksize=512", "blksize=512"],
    ["timeout=3 multicast= rollover=0 blksize2=1024", "timeout=3"],
    ["blksize=1024 blksize=1400", "blksize=1024"],
  ])("%s", (asked, answered) => expect(oack(asked)).toBe(answered));
});

describe("T39 option names are case-insensitive; none accepted is none answered", () => {
  test.each([
    ["BlkSize=1024 TSIZE=0", "BlkSize=1024 TSIZE=173792"],
    ["blksize=1024 BLKSIZE=1400", "blksize=1024"],
    ["unknown=1", ""],
    ["", ""],
  ])("%j", (asked, answered) => expect(oack(asked)).toBe(answered));

  test("without an option the defaults of RFC 1350 hold", () => {
    expect(negotiate([], LIMITS)).toEqual({
      accepted: [],
      blockSizeBytes: 512,
      windowSize: 1,
      timeoutMs: null,
      sizeAsked: false,
    });
  });
});

describe("T40 blksize outside 8 to 65464 is ignored; capped at the MTU less 32", () => {
  test.each(["7", "0", "65465", "-8", "+8", "8.0", "0x200", " 512", "", "1e3", "9999999999999999"])(
    "%j is ignored",
    (value) => expect(oack(`blksize=${value}`)).toBe(""),
  );
  test.each([8, 512, 1428, 1432, 1456, 1468])("%d works", (size) => {
    expect(oack(`blksize=${size}`)).toBe(`blksize=${size}`);
  });
  test.each([
    [1500, 1468],
    [9000, 8968],
    [65_536, 65_464],
    [1400, 1368],
    [68, 512],
  ])("an MTU of %d carries %d", (mtu, size) => expect(maxBlockSizeOfMtu(mtu)).toBe(size));
});

describe("T41 tsize is the true size", () => {
  test.each([
    ["tsize=0", {}, "tsize=173792"],
    ["tsize=0", { fileSizeBytes: 0 }, "tsize=0"],
    ["tsize=0", { fileSizeBytes: 5 * 1024 ** 3 + 1 }, "tsize=5368709121"],
    ["tsize=x", {}, ""],
    ["tsize=0", { mode: "netascii" }, ""],
  ] as const)("%s with %j", (asked, limits, answered) => expect(oack(asked, limits)).toBe(answered));
});

describe("T42 windowsize is at most what was asked", () => {
  test.each([
    ["windowsize=4", "windowsize=4"],
    ["windowsize=65535", "windowsize=64"],
    ["windowsize=1", "windowsize=1"],
    ["windowsize=0", ""],
    ["windowsize=65536", ""],
  ])("%s", (asked, answered) => expect(oack(asked)).toBe(answered));
});

test.each([
  ["1", 1000],
  ["255", 255_000],
  ["0", null],
  ["256", null],
])("timeout=%s", (value, timeoutMs) => {
  expect(negotiate([{ name: "timeout", value }], LIMITS).timeoutMs).toBe(timeoutMs);
});
