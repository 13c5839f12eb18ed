import { describe, expect, test } from "vitest";
import type { BootPlan } from "../../../core/boot/plan.ts";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderGrubStageOne } from "../../../core/render/scripts/grub-stage-one.ts";
import { renderRefusal } from "../../../core/render/scripts/refusal.ts";
import { ScriptError } from "../../../core/render/scripts/script-error.ts";
import { missingNeed } from "../../relay/net/needs.ts";
import { AWKWARD } from "./awkward.ts";
import { checkGrubSyntax, runGrub } from "./grub-runner.ts";
import { parseKernelCommandLine } from "./kernel-command-line.ts";
import { GRANT, KERNEL, PLACE, sampleMenu } from "./sample-plans.ts";

const HTTP = "(http,192.168.77.1:8080)";
const TFTP = "(tftp,192.168.77.1)";
const COMMIT = { ...KERNEL, commitUrl: "/a/CAP/commit" };
const MENU = sampleMenu("Install Debian 12 (it's €0)");
const stageOne = (bootWaitSeconds: number | null): string =>
  renderGrubStageOne({ ...PLACE, bootWaitSeconds, jitter: () => 0.5 });
const grub = (plan: BootPlan): string => renderScript("grub", plan, PLACE);

const CONFIGS: readonly (readonly [string, string])[] = [
  ["grub-stage-one", stageOne(5)],
  ["grub-stage-one-for-ever", stageOne(null)],
  ["grub-local-boot", grub({ kind: "local" })],
  ["grub-kernel", grub(KERNEL)],
  ["grub-kernel-commit", grub(COMMIT)],
  ["grub-menu", grub(MENU)],
  ["grub-hold", grub({ kind: "hold", message: ["failed: it's broken"], askAgainSeconds: 60 })],
  [
    "grub-retry",
    grub({
      kind: "retry",
      message: ["no answer yet"],
      askAgainSeconds: 5,
      waitedSeconds: 17,
      choice: { item: "install", menu: "tok1" },
    }),
  ],
  ["grub-refusal", renderRefusal("grub", new ScriptError("unsupported-plan", "mode", "it's not for GRUB"))],
];

describe("goldens", () => {
  test.each(CONFIGS)("%s", async (name, config) => {
    await expect(config).toMatchFileSnapshot(`goldens/${name}.cfg`);
  });

  test.each(CONFIGS.filter(([name]) => !/kernel|menu/.test(name)))(
    "%s never stops at a prompt",
    (_, config) => {
      expect(config).not.toMatch(/\b(menuentry|read|password|help|normal|pause)\b/);
    },
  );
});

describe("a plan that GRUB cannot carry is refused by name", () => {
  test.each<[object, string, string]>([
    [
      { kernelUrl: `/i/debian-12/9f/linux?exp=1&kid=k1&sig=${"A".repeat(100)}` },
      "kernelUrl",
      "unrenderable-value",
    ],
    [{ kernelUrl: "http://elsewhere/linux" }, "kernelUrl", "unrenderable-value"],
    [{ initrdUrls: [`${GRANT}/${"x".repeat(60)}`] }, "initrdUrls", "unrenderable-value"],
    [{ initrdUrls: [`${GRANT}/a\nb`] }, "initrdUrls", "unrenderable-value"],
    [{ args: "ip=${net0/ip}" }, "args", "unrenderable-value"],
    [{ args: "a=it's" }, "args", "unrenderable-value"],
    [{ args: "a=b\\c" }, "args", "unrenderable-value"],
    [{ args: 'a="b' }, "args", "unrenderable-value"],
    [{ args: 'a="b"c' }, "args", "unrenderable-value"],
    [{ args: "a=\u0001" }, "args", "unrenderable-value"],
    [{ args: `a=${"x".repeat(1900)}` }, "args", "kernel-args-too-long"],
  ])("%j", (change, field, code) => {
    expect(() => grub({ ...KERNEL, ...change })).toThrow(expect.objectContaining({ code, field }));
  });

  test("a chain, and a base that is no relay's", () => {
    expect(() => grub({ kind: "chain", url: "https://boot.example/x.ipxe" })).toThrow(
      expect.objectContaining({ code: "unsupported-plan" }),
    );
    expect(() => renderScript("grub", KERNEL, { ...PLACE, baseUrl: "https://pxedge.example" })).toThrow(
      expect.objectContaining({ code: "unsupported-plan", field: "baseUrl" }),
    );
  });

  test("127 bytes of a TFTP name are possible, 128 are not", () => {
    const longest = 127 - `${GRANT}/`.length + 1;
    expect(() => grub({ ...KERNEL, kernelUrl: `${GRANT}/${"x".repeat(longest)}` })).not.toThrow();
    expect(() => grub({ ...KERNEL, kernelUrl: `${GRANT}/${"x".repeat(longest + 1)}` })).toThrow("128 bytes");
  });
});

const missing = missingNeed({ programs: ["/usr/bin/grub-emu", "/usr/bin/grub-script-check"] });

describe.skipIf(missing !== undefined)("run by GRUB", () => {
  test.each(CONFIGS)("%s: its checker takes it", (_, config) => {
    expect(checkGrubSyntax(config)).toBe("");
  });

  test("the checker is one", () => {
    expect(checkGrubSyntax("if true; then\n")).not.toBe("");
  });

  const load = (device: string): string[][] => [
    ["linux", `${device}${KERNEL.kernelUrl}`, ...expectedWords(KERNEL.args)],
    ["initrd", ...KERNEL.initrdUrls.map((url) => device + url)],
  ];
  const expectedWords = (args: string): string[] => [
    "BOOTIF=01-52-54-00-12-34-56",
    ...args.trim().split(/\s+/),
  ];

  test("a kernel is loaded over HTTP, and booted", () => {
    expect(runGrub(grub(KERNEL), { boot: "exit" })).toEqual([...load(HTTP), ["boot"]]);
  });

  test("without HTTP it is loaded over TFTP", () => {
    const noHttp = `if [ "$pxedge_device" = '${HTTP}' ]; then return 1; fi`;
    expect(runGrub(grub(KERNEL), { linux: noHttp, boot: "exit" })).toEqual([
      load(HTTP)[0],
      ...load(TFTP),
      ["boot"],
    ]);
  });

  test("the commit is the last download before boot", () => {
    expect(runGrub(grub(COMMIT), { boot: "exit" }).slice(-2)).toEqual([
      ["cat", `${HTTP}/a/CAP/commit`],
      ["boot"],
    ]);
  });

  test.each(["linux", "initrd", "cat"])("a failing %s boots nothing, and the script ends", (failing) => {
    const ran = runGrub(grub(COMMIT), { [failing]: "return 1" });
    const order = ["linux", "initrd", "cat", "boot"];
    expect(ran.at(-1)).toEqual(["end"]);
    expect(ran.filter(([name]) => name === failing)).toHaveLength(2);
    for (const later of order.slice(order.indexOf(failing) + 1)) {
      expect(ran.filter(([name]) => name === later)).toEqual([]);
    }
  });

  test("every kernel argument that is rendered reaches the kernel as it is", () => {
    const words = AWKWARD.filter((value) => !/[\s"'\\]|\$\{/.test(value) && value !== "")
      // oxlint-disable-next-line no-control-regex -- what no argument may hold
      .filter((value) => !/[\u0000-\u001f\u007f-\u009f\u00a0\u2028]|à/.test(value))
      .map((value, index) => `v${index}=${value}`);
    expect(words.length).toBeGreaterThan(15);
    const args = [...words, 'dyndbg="file drivers/usb/* +p"', '"w=x y"', 'empty=""'].join(" ");
    const [linux] = runGrub(grub({ ...KERNEL, args }), { linux: "return 0", boot: "exit" });
    // White space is lost in the terminal, which the quotes below stand for.
    expect(linux!.slice(3)).toEqual([...words, "dyndbg=filedrivers/usb/*+p", "w=xy", "empty="]);
    // What grub_create_loader_cmdline makes of words with white space is the same to the kernel.
    expect(parseKernelCommandLine('"dyndbg=file drivers/usb/* +p" "w=x y" empty=')).toEqual(
      parseKernelCommandLine('dyndbg="file drivers/usb/* +p" "w=x y" empty=""'),
    );
  });

  describe("stage one", () => {
    const script = `${TFTP}/boot/52-54-00-12-34-56/grub.cfg`;

    test("asks again with growing pauses, then boots the local disk", () => {
      const ran = runGrub(stageOne(20));
      const sleeps = ran.filter(([name]) => name === "sleep").map(([, seconds]) => Number(seconds));
      expect(sleeps.reduce((sum, seconds) => sum + seconds)).toBe(20);
      expect(ran.filter(([name]) => name === "source").length).toBeGreaterThan(3);
      expect(new Set(ran.filter(([name]) => name === "source").map(([, file]) => file))).toEqual(
        new Set([script]),
      );
      expect(ran.at(-1)).toEqual(["exit"]);
    });

    test("a script that asks to be asked for again is, with what it says, and counts for nothing", () => {
      const source =
        'if [ "$tries" = 3 ]; then exit; fi\nif [ "$tries" = 2 ]; then set tries=3; fi\n' +
        'if [ "$tries" = 1 ]; then set tries=2; set pxedge_again=7; set pxedge_query="?waited=9"; fi\n' +
        'if [ -z "$tries" ]; then set tries=1; set pxedge_again=4; set pxedge_query="?waited=4&item=a"; fi';
      expect(runGrub(stageOne(300), { source })).toEqual([
        ["sleep", "0"],
        ["source", script],
        ["sleep", "4"],
        ["source", `${script}?waited=4&item=a`],
        ["sleep", "7"],
        ["source", `${script}?waited=9`],
        ["sleep", "2"],
        ["source", script],
      ]);
    });

    test("the answers that ask again are understood", () => {
      const retry = grub({ kind: "retry", message: ["m"], askAgainSeconds: 5, waitedSeconds: 17 });
      const ran = runGrub(stageOne(1), { source: `if [ -z "$t" ]; then set t=1\n${retry}\nfi` });
      expect(ran.slice(2, 4)).toEqual([
        ["sleep", "5"],
        ["source", `${script}?waited=17`],
      ]);
    });

    test("a menu ends it, without the local disk", () => {
      for (const wait of [300, null]) {
        const ran = runGrub(stageOne(wait), { source: "set pxedge_menu=1" });
        expect(ran).toEqual([["sleep", "0"], ["source", script], ["end"]]);
      }
    });

    test("a diskless machine asks for ever", () => {
      const source = 'set n="x$n"; if [ "$n" = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ]; then exit; fi';
      const ran = runGrub(stageOne(null), { source });
      expect(ran.filter(([name]) => name === "source")).toHaveLength(30);
      expect(ran.at(-1)?.[0]).toBe("source");
    });
  });

  describe("local boot", () => {
    const onEfi = (cpu: string): string =>
      `set grub_platform=efi\nset grub_cpu=${cpu}\n${grub({ kind: "local" })}`;

    test("EFI: the first loader that is there, with root set to its device", () => {
      const search = 'if [ "$4" != /EFI/fedora/shimx64.efi ]; then return 1; fi';
      const ran = runGrub(onEfi("x86_64"), { search, boot: "exit" });
      expect(ran.slice(-3)).toEqual([
        ["search", "--no-floppy", "--set=root", "--file", "/EFI/fedora/shimx64.efi"],
        ["chainloader", "/EFI/fedora/shimx64.efi"],
        ["boot"],
      ]);
    });

    test("EFI without any: leaves GRUB with an error", () => {
      const ran = runGrub(onEfi("arm64"), { search: "return 1" });
      expect(
        ran.filter(([name]) => name === "search").every((words) => /aa64|bootmgfw/.test(words[4]!)),
      ).toBe(true);
      expect(ran.at(-1)).toEqual(["exit"]);
    });

    test("EFI: a loader that does not start gives way to the next", () => {
      const ran = runGrub(onEfi("x86_64"), { chainloader: "return 1" });
      expect(ran.filter(([name]) => name === "boot")).toEqual([]);
      expect(ran.at(-1)).toEqual(["exit"]);
    });

    test("BIOS: the first disk's boot sector", () => {
      expect(runGrub(`set grub_platform=pc\n${grub({ kind: "local" })}`, { boot: "exit" })).toEqual([
        ["insmod", "chain"],
        ["chainloader", "+1"],
        ["boot"],
      ]);
    });
  });
});
