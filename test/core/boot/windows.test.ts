import { describe, expect, test } from "vitest";
import { isTimeZone, isWithinWindows, type InstallWindow } from "../../../core/boot/windows.ts";

/** 2026-11-21 is a Saturday. */
const at = (iso: string): number => Date.parse(iso);
const NIGHT: InstallWindow = { days: ["sat"], from: "22:00", to: "04:00", timeZone: "UTC" };
const OFFICE: InstallWindow = { days: ["mon", "tue", "wed"], from: "09:00", to: "17:30", timeZone: "+05:30" };

test("without windows installs may always begin", () => {
  expect(isWithinWindows([], at("2026-11-21T12:00:00Z"))).toBe(true);
});

describe("a window that ends on the next day belongs to the day on which it begins", () => {
  test.each([
    ["2026-11-21T21:59:59Z", false],
    ["2026-11-21T22:00:00Z", true],
    ["2026-11-22T03:59:59Z", true],
    ["2026-11-22T04:00:00Z", false],
    // The night from Friday to Saturday is Friday's.
    ["2026-11-21T01:00:00Z", false],
    ["2026-11-22T23:00:00Z", false],
  ])("%s: %s", (instant, open) => {
    expect(isWithinWindows([NIGHT], at(instant))).toBe(open);
  });

  test("from Sunday to Monday as well", () => {
    const sunday = { ...NIGHT, days: ["sun"] } as const;
    expect(isWithinWindows([sunday], at("2026-11-23T03:00:00Z"))).toBe(true);
  });
});

describe("by the clock on the wall of its zone", () => {
  test.each([
    ["2026-11-23T03:29:00Z", false],
    ["2026-11-23T03:30:00Z", true],
    ["2026-11-23T11:59:00Z", true],
    ["2026-11-23T12:00:00Z", false],
    ["2026-11-26T06:00:00Z", false],
  ])("%s with an offset: %s", (instant, open) => {
    expect(isWithinWindows([OFFICE], at(instant))).toBe(open);
  });

  test("summer and winter time", () => {
    const window: InstallWindow = { days: ["sat"], from: "08:00", to: "09:00", timeZone: "Europe/Berlin" };
    expect(isWithinWindows([window], at("2026-07-18T06:30:00Z"))).toBe(true);
    expect(isWithinWindows([window], at("2026-11-21T06:30:00Z"))).toBe(false);
    expect(isWithinWindows([window], at("2026-11-21T07:30:00Z"))).toBe(true);
  });

  test("the hour that summer time skips never opens, the one that it repeats opens twice", () => {
    const window: InstallWindow = { days: ["sun"], from: "02:00", to: "03:00", timeZone: "Europe/Berlin" };
    const opens = (from: string): number =>
      Array.from({ length: 6 * 60 }, (_, minute) => at(from) + minute * 60_000).filter((now) =>
        isWithinWindows([window], now),
      ).length;
    expect(opens("2026-03-28T23:00:00Z")).toBe(0);
    expect(opens("2026-10-24T22:00:00Z")).toBe(120);
  });
});

test("the same time twice is a whole day", () => {
  const window: InstallWindow = { days: ["sat"], from: "06:00", to: "06:00", timeZone: "UTC" };
  expect(isWithinWindows([window], at("2026-11-21T05:59:00Z"))).toBe(false);
  expect(isWithinWindows([window], at("2026-11-21T06:00:00Z"))).toBe(true);
  expect(isWithinWindows([window], at("2026-11-22T05:59:00Z"))).toBe(true);
  expect(isWithinWindows([window], at("2026-11-22T06:00:00Z"))).toBe(false);
});

test("one of several is enough", () => {
  expect(isWithinWindows([OFFICE, NIGHT], at("2026-11-21T23:00:00Z"))).toBe(true);
});

test.each([
  ["UTC", true],
  ["Europe/Berlin", true],
  ["+02:00", true],
  ["-0530", true],
  ["Mars/Olympus", false],
  ["+25:00", false],
  ["", false],
])("time zone %j: %s", (name, known) => {
  expect(isTimeZone(name)).toBe(known);
});
