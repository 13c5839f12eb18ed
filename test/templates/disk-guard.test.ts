import { describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { hasDebconf } from "../core/render/debconf.ts";
import { checkTemplate } from "../../core/render/render.ts";
import { CHOOSERS } from "./installers.ts";
import { findTemplate, SYSTEM_VIEW } from "./library.ts";

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const LISTED = "there are: /dev/sda (serial AAA) /dev/sdb (serial BBB)";

type Variables = Readonly<Record<string, unknown>>;

const CHOSEN: readonly (readonly [string, Variables, readonly string[], string])[] = [
  ["none named: the first one", {}, ["/dev/sda"], "/dev/sda, serial number AAA"],
  ["the largest", { diskSize: "largest" }, ["/dev/sda"], "/dev/sda, serial number AAA"],
  ["the smallest", { diskSize: "smallest" }, ["/dev/sdb"], "/dev/sdb, serial number BBB"],
  ["by its serial number", { diskSerial: "BBB" }, ["/dev/sdb"], "/dev/sdb, serial number BBB"],
  ["by its path", { disk: "/dev/sdb" }, ["/dev/sdb"], "/dev/sdb, serial number BBB"],
  [
    "by both, that agree",
    { disk: "/dev/sda", diskSerial: "AAA", layout: "lvm" },
    ["/dev/sda"],
    "/dev/sda, serial number AAA",
  ],
  [
    "two, none named",
    { layout: "raid1" },
    ["/dev/sda", "/dev/sdb"],
    "/dev/sda, serial number AAA; /dev/sdb, serial number BBB",
  ],
  [
    "two, the second by its serial number",
    { layout: "raid1", secondDiskSerial: "BBB" },
    ["/dev/sda", "/dev/sdb"],
    "/dev/sda, serial number AAA; /dev/sdb, serial number BBB",
  ],
  [
    "two, both by their serial numbers",
    { layout: "raid1", diskSerial: "BBB", secondDiskSerial: "AAA" },
    ["/dev/sdb", "/dev/sda"],
    "/dev/sdb, serial number BBB; /dev/sda, serial number AAA",
  ],
];

const REFUSED: readonly (readonly [string, Variables, string])[] = [
  [
    "the disk has another serial number",
    { disk: "/dev/sda", diskSerial: "BBB" },
    "/dev/sda has the serial number AAA, not BBB: nothing was written",
  ],
  ["no disk has it", { diskSerial: "CCC" }, `no disk has the serial number CCC; ${LISTED}`],
  [
    "the second disk has another serial number",
    { layout: "raid1", secondDisk: "/dev/sdb", secondDiskSerial: "CCC" },
    "/dev/sdb has the serial number BBB, not CCC: nothing was written",
  ],
  [
    "there is no second disk with its serial number",
    { layout: "raid1", diskSerial: "AAA", secondDiskSerial: "AAA" },
    `no other disk has the serial number AAA; ${LISTED}`,
  ],
  [
    "one disk is named twice",
    { layout: "raid1", disk: "/dev/sda", secondDisk: "/dev/sda" },
    "/dev/sda cannot be both disks",
  ],
];

describe.each(Object.entries(CHOOSERS))("%s", (path, choose) => {
  // The CoreOSes and Flatcar are on one disk.
  const isOfHere = ([, variables]: readonly [string, Variables, ...unknown[]]) =>
    variables["layout"] !== "raid1" || !path.startsWith("shell/");
  const skipped = path.startsWith("preseed/") && !hasDebconf;

  test.skipIf(skipped).each(CHOSEN.filter(isOfHere))("chooses a disk: %s", (_, variables, chosen, said) => {
    const ran = choose(variables);
    expect(ran).toMatchObject({ status: 0, chosen, stderr: "" });
    expect(ran.said.join("\n")).toMatch(new RegExp(`^(?:started|progress): ${said}$`, "m"));
  });

  test.skipIf(skipped).each(REFUSED.filter(isOfHere))(
    "stops before it writes where %s, and says which disk it saw",
    (_, variables, said) => {
      const ran = choose(variables);
      expect(ran.status).not.toBe(0);
      expect(ran.chosen).toEqual([]);
      expect(ran.said.map((line) => line.trimEnd())).toEqual([`failed: ${said}`]);
    },
  );
});

test.each([
  "preseed/debian-12",
  "kickstart/enterprise-linux",
  "autoinstall/ubuntu",
  "autoyast/opensuse-leap",
])("%s: a guard is of both disks, or the order is refused", (path) => {
  const variables = {
    mirrorHost: "mirror.example",
    layout: "raid1",
    diskSerial: "AAA",
    secondDisk: "/dev/sdb",
  };
  const template = findTemplate(path);
  const check = (more: object) => checkTemplate(template, { ...SYSTEM_VIEW, ...variables, ...more });
  expect(check({}).map(({ variable, code }) => ({ variable, code }))).toEqual([
    { variable: "secondDiskSerial", code: "unresolved-variable" },
  ]);
  expect(check({ secondDiskSerial: "BBB" })).toEqual([]);
});

describe.each([
  ["BIOS", {}],
  ["UEFI", { "sys/firmware/efi/fw_platform_size": "64" }],
])("two disks become one (%s)", (_, files) => {
  test("kickstart", () => {
    const ran = CHOOSERS["kickstart/enterprise-linux"]!({ layout: "raid1" }, files);
    expect(ran.read("/tmp/pxedge-disk.ks")).toMatchSnapshot("commands");
  });

  test("autoinstall", () => {
    const ran = CHOOSERS["autoinstall/ubuntu"]!({ layout: "raid1" }, files);
    expect(parse(ran.read("/autoinstall.yaml")!).storage).toMatchSnapshot("storage");
  });
});
