import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { render } from "./library.ts";

/** What udev says of the two disks of a machine that there is not. */
const DISKS = `
lsblk() { printf '/dev/sda disk\\n/dev/sdb disk\\n/dev/sr0 rom\\n'; }
udevadm() {
  case "$*" in
    */dev/sda) printf 'ID_SERIAL=Some_Model_AAA\\nID_SERIAL_SHORT=AAA\\n' ;;
    */dev/sdb) printf 'ID_SERIAL=BBB\\n' ;;
  esac
}
curl() { while [ $# -gt 1 ]; do [ "$1" = --data-binary ] && body=$2; shift; done
  [ "$body" != @- ] || body=$(cat); echo "\${1##*/}: $body"; }
uname() { echo 6.1; }
`;

function run(script: string): { status: number | null; said: string[]; stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", DISKS + script], { encoding: "utf8" });
  return { status, said: stdout.trim().split("\n"), stderr };
}

/** The kickstart's %pre, whose disks need not be block devices here, and what it chose. */
function runPre(variables: Record<string, unknown>) {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-guard-"));
  try {
    const chosen = join(directory, "disk.ks");
    const pre = /^%pre .*\n([^]*?)^%end/m.exec(render("kickstart/enterprise-linux", variables))![1]!;
    const ended = run(pre.replaceAll("/tmp/pxedge-disk.ks", chosen).replaceAll("[ -b ", "[ -n "));
    return { ...ended, chosen: ended.status === 0 ? readFileSync(chosen, "utf8").split("\n")[0] : null };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test.each([
  ["none named: the first one", {}, "ignoredisk --only-use=sda", "started: /dev/sda, serial number AAA"],
  [
    "by its serial number",
    { diskSerial: "BBB" },
    "ignoredisk --only-use=sdb",
    "started: /dev/sdb, serial number BBB",
  ],
  ["by its path", { disk: "/dev/sdb" }, "ignoredisk --only-use=sdb", "started: /dev/sdb, serial number BBB"],
  [
    "by both, that agree",
    { disk: "/dev/sda", diskSerial: "AAA" },
    "ignoredisk --only-use=sda",
    "started: /dev/sda, serial number AAA",
  ],
])("kickstart chooses a disk: %s", (_, variables, chosen, said) => {
  expect(runPre(variables)).toMatchObject({ status: 0, chosen, said: [said], stderr: "" });
});

test.each([
  [
    "the disk has another serial number",
    { disk: "/dev/sda", diskSerial: "BBB" },
    "failed: /dev/sda has the serial number AAA, not BBB: nothing was written",
  ],
  [
    "no disk has it",
    { diskSerial: "CCC" },
    "failed: no disk has the serial number CCC; there are: /dev/sda (serial AAA) /dev/sdb (serial BBB) ",
  ],
])("kickstart stops before it writes where %s, and says which disk it saw", (_, variables, said) => {
  const { status, chosen, said: heard } = runPre(variables);
  expect(status).toBe(1);
  expect(chosen).toBeNull();
  expect(heard).toEqual([said.trim()]);
});

test("autoinstall stops before it writes where no disk has the serial number, and says which there are", () => {
  const early = (diskSerial: string): string =>
    parse(render("autoinstall/ubuntu", { diskSerial })).autoinstall["early-commands"].at(-1);
  expect(run(early("BBB")).status).toBe(0);
  expect(run(early("CCC"))).toMatchObject({
    status: 1,
    said: ["failed: no disk has the serial number that was ordered; there are: Some_Model_AAA AAA BBB"],
  });
});
