import { describe, expect, test } from "vitest";
import type { LocalBoot } from "../../../core/boot/model.ts";
import type { MenuPlan } from "../../../core/boot/plan.ts";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderStageOne } from "../../../core/render/scripts/stage-one.ts";
import { missingNeed } from "../../relay/net/needs.ts";
import { checkGrubSyntax } from "./grub-runner.ts";
import { runIpxeScript, type IpxeRun } from "./ipxe-interpreter.ts";

const PLACE = { mac: "52:54:00:12:34:56", baseUrl: "http://192.168.77.1:8080" };
const MENU: MenuPlan = {
  kind: "menu",
  title: "Lab",
  items: [{ key: "disk", label: "The local disk", action: "local" }],
  defaultItem: "disk",
  timeoutSeconds: 5,
  token: "7Yt",
};
const LOADER = { loader: "/EFI/debian/grubx64.efi" };

const local = (dialect: "ipxe" | "grub" | "pxelinux", localBoot: LocalBoot): string =>
  renderScript(dialect, { kind: "local", localBoot }, PLACE);
const sanboots = ({ ran }: IpxeRun): string[] => ran.filter((command) => command.startsWith("sanboot"));

/** Runs a machine's script from within stage one, as iPXE does; every start of a disk fails. */
function boot(platform: "efi" | "pcbios", localBoot: LocalBoot): IpxeRun {
  const stageOne = renderStageOne({ bootWaitSeconds: 0, jitter: () => 0 });
  const own = local("ipxe", localBoot).split("\n").slice(1, -2).join("\n");
  // The chained script ends in `exit 0`, upon which stage one goes on behind its chain.
  const script = stageOne.replace(/^chain .*$/m, `${own}\ngoto leave`);
  return runIpxeScript(script, { platform }, ([name]) => (name === "sanboot" ? 1 : 0));
}

describe("a machine's own way to its disk", () => {
  test("BIOS: another drive, or none", () => {
    expect(sanboots(boot("pcbios", {}))).toEqual(["sanboot --no-describe --drive 0x80"]);
    expect(sanboots(boot("pcbios", { bios: { drive: 0x81 } }))).toEqual([
      "sanboot --no-describe --drive 0x81",
    ]);
    expect(sanboots(boot("pcbios", { bios: "exit" }))).toEqual([]);
    expect(boot("pcbios", { bios: "exit" }).status).toBe(0);
  });

  test("EFI: a loader of the disk; where it does not start, iPXE is left as ever", () => {
    const { ran, status } = boot("efi", { efi: LOADER });
    expect(ran).toContain(String.raw`sanboot --no-describe --drive 0 --filename \EFI\debian\grubx64.efi`);
    expect(status).toBe(1);
    expect(sanboots(boot("pcbios", { efi: LOADER }))).toEqual(["sanboot --no-describe --drive 0x80"]);
  });

  test("EFI: left in success, where an error makes the firmware stop", () => {
    expect(boot("efi", {}).status).toBe(1);
    expect(boot("efi", { efi: "exit-success" }).status).toBe(0);
  });

  test("in a menu as well", () => {
    const localBoot = { bios: { drive: 0x82 } };
    const render = (dialect: "ipxe" | "grub") => renderScript(dialect, { ...MENU, localBoot }, PLACE);
    expect(render("ipxe")).toContain("--drive 0x82");
    expect(render("grub")).toContain("set root=(hd2)");
  });

  test("GRUB: the same, in its words", () => {
    expect(local("grub", { bios: { drive: 0x81 } })).toContain("set root=(hd1)");
    expect(local("grub", { bios: "exit" })).not.toContain("chainloader +1");
    expect(local("grub", { efi: LOADER })).toContain("for pxedge_loader in '/EFI/debian/grubx64.efi'; do");
    expect(local("grub", { efi: "exit-success" })).toMatch(/= "efi" \]; then\n {2}exit\nelse/);
  });

  test("PXELINUX: the firmware's turn, but no other drive, and it says so", () => {
    expect(local("pxelinux", {})).toContain("LOCALBOOT 0\n");
    expect(local("pxelinux", { bios: "exit" })).toContain("LOCALBOOT -1\n");
    expect(() => local("pxelinux", { bios: { drive: 0x81 } })).toThrow(
      expect.objectContaining({ code: "unsupported-plan", field: "localBoot.bios" }),
    );
  });

  const missing = missingNeed({ programs: ["/usr/bin/grub-script-check"] });
  test
    .skipIf(missing !== undefined)
    .each<LocalBoot>([
      { bios: { drive: 0xff } },
      { bios: "exit", efi: "exit-success" },
      { bios: "exit", efi: LOADER },
    ])("grub-script-check takes %j", (localBoot) => {
    expect(checkGrubSyntax(local("grub", localBoot))).toBe("");
  });
});
