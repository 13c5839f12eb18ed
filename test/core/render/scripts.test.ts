import { describe, expect, test } from "vitest";
import { renderKernelBoot } from "../../../core/render/scripts/ipxe-kernel.ts";
import type { KernelPlan } from "../../../core/boot/plan.ts";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderLocalBoot } from "../../../core/render/scripts/local-boot.ts";
import { renderStageOne } from "../../../core/render/scripts/stage-one.ts";
import { runIpxeScript } from "./ipxe-interpreter.ts";

const PLACE = { mac: "52:54:00:12:34:56", baseUrl: "http://192.168.77.1:8080" };
const SETTINGS = {
  "netX/mac": "52:54:00:12:34:56",
  "netX/mac:hexhyp": "52-54-00-12-34-56",
  uuid: "u",
  "serial:uristring": "s%20n",
  "buildarch:uristring": "x86_64",
  "platform:uristring": "efi",
};
const EFI = { ...SETTINGS, platform: "efi" };
const BIOS = { ...SETTINGS, platform: "pcbios", "platform:uristring": "pcbios" };
const middle = (): number => 0.5;
const commandsNamed = (ran: readonly string[], name: string): string[] =>
  ran.filter((command) => command.split(" ")[0] === name);
const secondsSlept = (ran: readonly string[]): number =>
  commandsNamed(ran, "sleep").reduce((sum, command) => sum + Number(command.split(" ")[1]), 0);

describe("stage one", () => {
  test("golden", async () => {
    const script = renderStageOne({ bootWaitSeconds: 5, jitter: middle });
    await expect(script).toMatchFileSnapshot("goldens/stage-one.ipxe");
  });

  test("golden, waiting for ever", async () => {
    const script = renderStageOne({ bootWaitSeconds: null, jitter: middle });
    await expect(script).toMatchFileSnapshot("goldens/stage-one-for-ever.ipxe");
  });

  test("chains relatively, by the MAC of the NIC that booted", () => {
    const { ran } = runIpxeScript(renderStageOne({ bootWaitSeconds: 5, jitter: middle }), EFI, () => 0);
    expect(ran.at(-1)).toBe(
      "chain --autofree --timeout 15000 " +
        "boot/52-54-00-12-34-56/script.ipxe?uuid=u&serial=s%20n&arch=x86_64&platform=efi",
    );
  });

  test("a script that returned in success asked for the local disk: EFI is left with an error, BIOS without", () => {
    const script = renderStageOne({ bootWaitSeconds: 300, jitter: middle });
    expect(runIpxeScript(script, EFI, () => 0).status).toBe(1);
    expect(runIpxeScript(script, BIOS, () => 0).status).toBe(0);
  });

  test.each([0, 0.5, 0.999])("unanswered, pauses grow and add up to the wait (jitter %d)", (jitter) => {
    const script = renderStageOne({ bootWaitSeconds: 300, jitter: () => jitter });
    const { ran, status } = runIpxeScript(script, BIOS, (words) => (words[0] === "chain" ? 1 : 0));
    expect(secondsSlept(ran)).toBe(300);
    const chains = commandsNamed(ran, "chain").length;
    expect(chains).toBeGreaterThan(8);
    // An armed machine whose installer does not start must not run into the limit on serves by one boot.
    expect(chains).toBeLessThan(20);
    expect(commandsNamed(ran, "imgfree")).toHaveLength(chains);
    expect(ran.at(-1)).toBe("sanboot --no-describe --drive 0x80");
    expect(status).toBe(0);
  });

  test("unanswered on EFI: left for the firmware's next boot option", () => {
    const script = renderStageOne({ bootWaitSeconds: 60, jitter: middle });
    const { ran, status } = runIpxeScript(script, EFI, (words) => (words[0] === "chain" ? 1 : 0));
    expect(commandsNamed(ran, "sanboot")).toEqual([]);
    expect(status).toBe(1);
  });

  test("commands that fail or are interrupted by a key do not end it", () => {
    const script = renderStageOne({ bootWaitSeconds: 300, jitter: middle });
    const { ran } = runIpxeScript(script, BIOS, (words) => (words[0] === "echo" ? 0 : 1));
    expect(secondsSlept(ran)).toBe(300);
    expect(ran.at(-1)).toBe("sanboot --no-describe --drive 0x80");
  });

  test("answered late, it goes on", () => {
    let tries = 0;
    const script = renderStageOne({ bootWaitSeconds: null, jitter: middle });
    const run = runIpxeScript(script, EFI, (words) => (words[0] !== "chain" || ++tries === 40 ? 0 : 1));
    expect(tries).toBe(40);
    expect(run.status).toBe(1);
  });

  test("no wait at all is one try", () => {
    const { ran } = runIpxeScript(renderStageOne({ bootWaitSeconds: 0, jitter: middle }), EFI, (words) =>
      words[0] === "chain" ? 1 : 0,
    );
    expect(commandsNamed(ran, "chain")).toHaveLength(1);
  });

  test("never prompts", () => {
    for (const bootWaitSeconds of [null, 300]) {
      const script = renderStageOne({ bootWaitSeconds, jitter: middle });
      expect(script).not.toMatch(/\b(prompt|shell|menu|choose|login|read|config)\b/);
    }
  });
});

describe("local boot", () => {
  test("golden", async () => {
    await expect(renderLocalBoot()).toMatchFileSnapshot("goldens/local-boot.ipxe");
  });

  test("BIOS starts the disk; without one, and on EFI, it returns in success to stage one", () => {
    expect(
      runIpxeScript(renderLocalBoot(), BIOS, (words) => (words[0] === "sanboot" ? null : 0)).ran,
    ).toContain("sanboot --no-describe --drive 0x80");
    expect(runIpxeScript(renderLocalBoot(), BIOS, (words) => (words[0] === "sanboot" ? 1 : 0)).status).toBe(
      0,
    );
    const efi = runIpxeScript(renderLocalBoot(), EFI, () => 0);
    expect(efi.status).toBe(0);
    expect(commandsNamed(efi.ran, "sanboot")).toEqual([]);
  });
});

describe("install", () => {
  const options: KernelPlan = {
    kind: "kernel",
    kernelUrl: "http://192.168.77.1:8080/i/debian-12/3f2a9c/linux?exp=1767225600&kid=k1&sig=AAAA",
    initrdUrls: [
      "http://192.168.77.1:8080/i/debian-12/3f2a9c/initrd.gz?exp=1767225600&kid=k1&sig=BBBB",
      "http://192.168.77.1:8080/i/debian-12/3f2a9c/firmware.cpio.gz?exp=1767225600&kid=k1&sig=CCCC",
    ],
    args: "auto=true priority=critical url=http://192.168.77.1:8080/a/CAP/preseed.cfg ip=${net0/ip} --- quiet",
  };
  const commitUrl = "http://192.168.77.1:8080/a/CAP/commit";

  test("golden", async () => {
    await expect(renderKernelBoot(options)).toMatchFileSnapshot("goldens/install.ipxe");
  });

  test("golden, with a commit", async () => {
    await expect(renderKernelBoot({ ...options, commitUrl })).toMatchFileSnapshot(
      "goldens/install-commit.ipxe",
    );
  });

  test("the commit is the last download before boot, and its answer is no initrd", () => {
    const { ran } = runIpxeScript(renderKernelBoot({ ...options, commitUrl }), EFI, (words) =>
      words[0] === "boot" ? null : 0,
    );
    expect(ran.slice(-3)).toEqual([`imgfetch --name commit ${commitUrl}`, "imgfree commit", "boot"]);
  });

  test.each(["kernel", "initrd", "imgfetch", "boot"])(
    "a failing %s ends it in error; nothing boots",
    (failing) => {
      const script = renderKernelBoot({ ...options, commitUrl });
      const { ran, status } = runIpxeScript(script, EFI, (words) => (words[0] === failing ? 1 : 0));
      expect(status).toBe(1);
      expect(commandsNamed(ran, "boot")).toHaveLength(failing === "boot" ? 1 : 0);
      const order = ["kernel", "initrd", "imgfetch", "boot"];
      for (const later of order.slice(order.indexOf(failing) + 1))
        expect(commandsNamed(ran, later)).toEqual([]);
    },
  );

  test("initrds are named to the EFI stub, and BOOTIF stands before the installed system's arguments", () => {
    const { ran } = runIpxeScript(renderKernelBoot(options), EFI, () => 0);
    const kernel = commandsNamed(ran, "kernel")[0]!.split(" ");
    expect(kernel.slice(4, 7)).toEqual(["initrd=initrd0", "initrd=initrd1", "BOOTIF=01-52-54-00-12-34-56"]);
    expect(commandsNamed(ran, "initrd").map((command) => command.split(" ")[2])).toEqual([
      "initrd0",
      "initrd1",
    ]);
  });

  test("white space and line ends between arguments become one blank", () => {
    const script = renderKernelBoot({ ...options, args: "\n a=1\n\n  b=2\t" });
    expect(script).toContain("BOOTIF=01-${netX/mac:hexhyp} a=1 b=2 || goto failed");
  });

  test("2,048 bytes of kernel arguments are too long, 2,047 are not", () => {
    const fixed = "initrd=initrd0 initrd=initrd1 BOOTIF=01-${netX/mac:hexhyp} ".length;
    const args = (length: number): string => "é".repeat(100) + "x".repeat(length - fixed - 200);
    expect(() => renderKernelBoot({ ...options, args: args(2047) })).not.toThrow();
    expect(() => renderKernelBoot({ ...options, args: args(2048) })).toThrow(
      expect.objectContaining({ code: "kernel-args-too-long", field: "args" }),
    );
  });

  test.each([
    [{ kernelUrl: "http://a/b c" }, "kernelUrl"],
    [{ kernelUrl: "http://a/${x}" }, "kernelUrl"],
    [{ kernelUrl: "--autofree" }, "kernelUrl"],
    [{ kernelUrl: "" }, "kernelUrl"],
    [{ initrdUrls: ["http://a/\nexit"] }, "initrdUrls"],
    [{ commitUrl: "#" }, "commitUrl"],
    [{ args: "a || b" }, "args"],
    [{ args: "a && b" }, "args"],
    [{ args: "a ; b" }, "args"],
    [{ args: "a # b" }, "args"],
    [{ args: 'a="b  c"' }, "args"],
    [{ args: 'a="b\nc"' }, "args"],
    [{ args: "a\\" }, "args"],
    [{ args: "a=${net0/ip b" }, "args"],
    [{ args: "a=\0" }, "args"],
  ])("refuses %j", (change, field) => {
    expect(() => renderKernelBoot({ ...options, ...change })).toThrow(
      expect.objectContaining({ code: "unrenderable-value", field }),
    );
  });
});

describe("a program that is no Linux kernel", () => {
  const wimboot: KernelPlan = {
    kind: "kernel",
    kernelUrl: "/i/windows/3f2a9c/wimboot?exp=1&kid=k1&sig=AAAA",
    initrdUrls: ["/i/windows/3f2a9c/boot/bcd?exp=1&kid=k1&sig=BBBB", "/a/CAP/autounattend.xml"],
    plain: { initrdNames: ["BCD", "autounattend.xml"] },
    args: "gui",
  };

  test("golden", async () => {
    await expect(renderKernelBoot(wimboot)).toMatchFileSnapshot("goldens/wimboot.ipxe");
  });

  test("gets its own arguments and nothing else, and its files by name", () => {
    const { ran } = runIpxeScript(renderKernelBoot(wimboot), EFI, () => 0);
    expect(commandsNamed(ran, "kernel")).toEqual([`kernel ${wimboot.kernelUrl} gui`]);
    expect(commandsNamed(ran, "initrd")).toEqual([
      `initrd --name BCD ${wimboot.initrdUrls[0]} BCD`,
      `initrd --name autounattend.xml ${wimboot.initrdUrls[1]} autounattend.xml`,
    ]);
    expect(commandsNamed(ran, "boot")).toHaveLength(1);
    expect(runIpxeScript(renderKernelBoot({ ...wimboot, args: "" }), EFI, () => 0).ran).toContain(
      `kernel ${wimboot.kernelUrl}`,
    );
  });

  test.each(["grub", "pxelinux"] as const)("%s says that it starts Linux only", (dialect) => {
    expect(() => renderScript(dialect, wimboot, PLACE)).toThrow(
      expect.objectContaining({ code: "unsupported-plan", message: expect.stringContaining("needs iPXE") }),
    );
  });

  test("a name that iPXE would read otherwise is refused", () => {
    for (const name of ["", "a b", "--x", "${x}"]) {
      const plain = { initrdNames: [name, "b"] };
      expect(() => renderKernelBoot({ ...wimboot, plain })).toThrow(
        expect.objectContaining({ field: "initrdNames" }),
      );
    }
  });
});

describe("a disk over the network", () => {
  const san = {
    kind: "san",
    uri: "iscsi:192.0.2.5::::iqn.2026-01.org.example:disk-of-web-1",
    initiator: "iqn.2026-01.org.example:web-1",
    username: "web-1",
    password: `it's "$6$" & <b>#1`.replaceAll(" ", ""),
  } as const;

  test("golden", async () => {
    await expect(renderScript("ipxe", san, PLACE)).toMatchFileSnapshot("goldens/san.ipxe");
  });

  test("the settings are there before the disk is asked for", () => {
    const { ran, status } = runIpxeScript(renderScript("ipxe", san, PLACE), EFI, ([name]) =>
      name === "sanboot" ? null : 0,
    );
    expect(ran.slice(-4)).toEqual([
      `set initiator-iqn ${san.initiator}`,
      `set username ${san.username}`,
      `set password ${san.password}`,
      `sanboot ${san.uri}`,
    ]);
    expect(status).toBe(0);
  });

  test("a failure is tried again", () => {
    const failed = runIpxeScript(renderScript("ipxe", san, PLACE), EFI, ([name]) =>
      name === "sanboot" ? 1 : 0,
    );
    expect(failed.status).toBe(1);
  });

  test.each([
    ["password", "a b"],
    ["password", "a${b}"],
    ["password", "-a"],
    ["username", "a\nb"],
    ["initiator", "iqn a"],
    ["uri", "iscsi:a || shell"],
  ])("refuses the %s %j", (field, value) => {
    expect(() => renderScript("ipxe", { ...san, [field]: value }, PLACE)).toThrow(
      expect.objectContaining({ code: "unrenderable-value", field }),
    );
  });

  test.each(["grub", "pxelinux"] as const)("%s says that it cannot", (dialect) => {
    expect(() => renderScript(dialect, san, PLACE)).toThrow(
      expect.objectContaining({ code: "unsupported-plan", field: "mode" }),
    );
  });
});
