import { describe, expect, test } from "vitest";
import type { BootPlan } from "../../../core/boot/plan.ts";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderRefusal } from "../../../core/render/scripts/refusal.ts";
import { ScriptError } from "../../../core/render/scripts/script-error.ts";
import { AWKWARD } from "./awkward.ts";
import { parseKernelCommandLine } from "./kernel-command-line.ts";
import { parsePxelinux } from "./read-back/pxelinux-parser.ts";
import { GRANT, KERNEL, PLACE, sampleMenu } from "./sample-plans.ts";

const SCRIPT = "::boot/52-54-00-12-34-56/pxelinux.cfg";
/** How PXELINUX names a file of the server that it came from. */
const FILES = `::${GRANT.slice(1)}`;
const MENU = sampleMenu("Debian 12 (€0)");
const pxelinux = (plan: BootPlan): string => renderScript("pxelinux", plan, PLACE);
const directive = (config: string, name: string): string[] =>
  parsePxelinux(config)
    .filter(({ directive: found }) => found === name)
    .map(({ operand }) => operand);

const CONFIGS: readonly (readonly [string, string])[] = [
  ["pxelinux-local-boot", pxelinux({ kind: "local" })],
  ["pxelinux-kernel", pxelinux(KERNEL)],
  ["pxelinux-menu", pxelinux(MENU)],
  ["pxelinux-hold", pxelinux({ kind: "hold", message: ["failed: it's broken"], askAgainSeconds: 60 })],
  [
    "pxelinux-retry",
    pxelinux({
      kind: "retry",
      message: ["no answer yet"],
      askAgainSeconds: 5,
      waitedSeconds: 17,
      choice: { item: "install", menu: "tok1" },
    }),
  ],
  [
    "pxelinux-refusal",
    renderRefusal("pxelinux", new ScriptError("unsupported-plan", "mode", "not for PXELINUX")),
  ],
];

describe("a whole config", () => {
  test.each(CONFIGS)("%s: golden", async (name, config) => {
    await expect(config).toMatchFileSnapshot(`goldens/${name}.cfg`);
  });

  test.each(CONFIGS)("%s: no line is cut, and the default is a label that is there", (_, config) => {
    for (const line of config.split("\n")) expect(Buffer.byteLength(line)).toBeLessThan(4_095);
    expect(directive(config, "label")).toContain(directive(config, "default")[0]);
  });

  test.each(CONFIGS.filter(([name]) => !/local|refusal|menu/.test(name)))(
    "%s: left alone, it asks again",
    (_, config) => {
      expect(Number(directive(config, "timeout")[0])).toBeGreaterThan(0);
      expect(directive(config, "ontimeout")).toEqual(["again"]);
      expect(directive(config, "config")[0]).toMatch(new RegExp(`^${SCRIPT}(?:\\?|$)`));
    },
  );
});

describe("a kernel", () => {
  test("is read back, with the NIC that booted before the installed system's arguments", () => {
    const config = pxelinux(KERNEL);
    expect(directive(config, "linux")).toEqual([`${FILES}/linux`]);
    expect(directive(config, "initrd")).toEqual([`${FILES}/initrd.gz,${FILES}/firmware.cpio.gz`]);
    expect(directive(config, "append")).toEqual([
      "BOOTIF=01-52-54-00-12-34-56 auto=true priority=critical url=http://192.168.77.1:8080/a/CAP/preseed.cfg --- quiet",
    ]);
  });

  test("every argument that is rendered reaches the kernel as it is", () => {
    const words = AWKWARD.filter((value) => !/[\s"'\\]|\$\{/.test(value) && value !== "")
      // oxlint-disable-next-line no-control-regex -- what no argument may hold
      .filter((value) => !/[\u0000-\u001f\u007f-\u009f\u00a0\u2028]|à/.test(value))
      .map((value, index) => `v${index}=${value}`);
    const args = [...words, 'dyndbg="file drivers/usb/* +p"', '"w=x  y"', 'empty=""'].join(" ");
    const [append] = directive(pxelinux({ ...KERNEL, args }), "append");
    expect(parseKernelCommandLine(append!).slice(1)).toEqual(parseKernelCommandLine(args));
  });

  test.each<[object, string, string]>([
    [{ commitUrl: "/a/CAP/commit" }, "answers", "unsupported-plan"],
    [
      { kernelUrl: `/i/debian-12/9f/linux?exp=1&kid=k1&sig=${"A".repeat(100)}` },
      "kernelUrl",
      "unrenderable-value",
    ],
    [{ initrdUrls: [`${GRANT}/a,b`] }, "initrdUrls", "unrenderable-value"],
    [{ initrdUrls: [`${GRANT}/a b`] }, "initrdUrls", "unrenderable-value"],
    [{ args: "ip=${net0/ip}" }, "args", "unrenderable-value"],
    [{ args: 'a="b' }, "args", "unrenderable-value"],
    [{ args: "a=\u0001" }, "args", "unrenderable-value"],
    [{ args: `a=${"x".repeat(1900)}` }, "args", "kernel-args-too-long"],
  ])("refuses %j", (change, field, code) => {
    expect(() => pxelinux({ ...KERNEL, ...change })).toThrow(expect.objectContaining({ code, field }));
  });

  test("the command line's limit counts what PXELINUX adds", () => {
    const own = `BOOT_IMAGE=${FILES}/linux BOOTIF=01-52-54-00-12-34-56 `.length;
    const initrds = ` initrd=${FILES}/initrd.gz,${FILES}/firmware.cpio.gz`.length;
    const args = (length: number): string => "x".repeat(length - own - initrds);
    expect(() => pxelinux({ ...KERNEL, args: args(2_047) })).not.toThrow();
    expect(() => pxelinux({ ...KERNEL, args: args(2_048) })).toThrow("2048 bytes");
  });
});

describe("a menu", () => {
  test("offers what PXELINUX can do, and asks for what is chosen", () => {
    const config = pxelinux(MENU);
    expect(directive(config, "say")).toEqual([
      "Berlin, it's rack 4",
      "install: Install: Debian 12 (€0)",
      "disk: Local disk",
      "leave: Firmware",
    ]);
    expect(directive(config, "label")).toEqual(["install", "disk", "leave", "local-disk"]);
    expect(directive(config, "config")).toEqual([`${SCRIPT}?item=install&menu=tok1`]);
    expect(directive(config, "timeout")).toEqual(["300"]);
    expect(directive(config, "default")).toEqual(["disk"]);
  });

  test("a default that it cannot do gives way to the local disk", () => {
    const config = pxelinux({ ...MENU, defaultItem: "again", timeoutSeconds: null });
    expect(directive(config, "default")).toEqual(["local-disk"]);
    expect(directive(config, "timeout")).toEqual(["0"]);
  });
});

test("a chain is refused", () => {
  expect(() => pxelinux({ kind: "chain", url: "https://boot.example/x.ipxe" })).toThrow(
    expect.objectContaining({ code: "unsupported-plan" }),
  );
});
