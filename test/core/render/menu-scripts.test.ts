import { describe, expect, test } from "vitest";
import type { MenuPlan } from "../../../core/boot/plan.ts";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderIpxe } from "../../../core/render/scripts/ipxe.ts";
import { runIpxeScript, type IpxeRun } from "./ipxe-interpreter.ts";

const MENU: MenuPlan = {
  kind: "menu",
  title: "Lab A: what shall it be?",
  items: [
    { key: "disk", label: "The local disk", action: "local" },
    { key: "rescue", label: "Rescue system (in memory)", group: "Live", action: "ask" },
    { key: "memtest", label: "Test the memory", group: "Live", action: "ask" },
    { key: "debian", label: "Install Debian 12", group: "Install", action: "ask" },
    { key: "shell", label: "iPXE shell", group: "Tools", action: "shell" },
    { key: "reboot", label: "Reboot", group: "Tools", action: "reboot" },
    { key: "exit", label: "Leave", group: "Tools", action: "exit" },
  ],
  defaultItem: "disk",
  timeoutSeconds: 20,
  token: "7Yt",
};

/** Runs a menu in which `chosen` is chosen; `fails` names commands that fail. */
function choose(plan: MenuPlan, chosen: string | null, fails: readonly string[] = []): IpxeRun {
  const settings: Record<string, string> = {
    platform: "efi",
    uuid: "u",
    "serial:uristring": "s",
    "buildarch:uristring": "x86_64",
    "platform:uristring": "efi",
  };
  let shells = 0;
  return runIpxeScript(renderIpxe(plan), settings, ([name]) => {
    if (fails.includes(name!)) return 1;
    if (name === "reboot") return null;
    if (name === "shell" && ++shells > 2) return null;
    if (name !== "choose") return 0;
    if (chosen === null) return 1;
    settings["choice"] = chosen;
    return 0;
  });
}

describe("menu", () => {
  test("golden", async () => {
    await expect(renderIpxe(MENU)).toMatchFileSnapshot("goldens/menu.ipxe");
  });

  test("what is asked for carries the machine's claims, the item and the menu it was chosen in", () => {
    const { ran, status } = choose(MENU, "debian");
    expect(ran.at(-1)).toBe(
      "chain --autofree --timeout 15000 " +
        "script.ipxe?uuid=u&serial=s&arch=x86_64&platform=efi&item=debian&menu=7Yt",
    );
    expect(status).toBe(0);
  });

  test("it counts down to its default, and waits for ever only where it was told to", () => {
    const [shown] = choose(MENU, "disk").ran.filter((command) => command.startsWith("choose"));
    expect(shown).toBe("choose --default disk --timeout 20000 choice");
    const patient = choose({ ...MENU, timeoutSeconds: null }, "disk").ran;
    expect(patient.filter((command) => command.startsWith("choose"))).toEqual([
      "choose --default disk choice",
    ]);
  });

  test.each([
    ["left with Esc", null, []],
    ["an iPXE without menus", "debian", ["menu"]],
  ])("%s: the default", (_, chosen, fails) => {
    const { ran } = choose({ ...MENU, defaultItem: "rescue" }, chosen, fails);
    expect(ran.at(-1)).toContain("&item=rescue&");
  });

  test("what fails to boot ends in an error, so that stage one tries again", () => {
    expect(choose(MENU, "rescue", ["chain"]).status).toBe(1);
    expect(choose(MENU, "reboot", ["reboot"]).status).toBe(1);
  });

  test("the shell leads back to the menu; leaving and the local disk end in success", () => {
    expect(choose(MENU, "shell").ran.filter((command) => command.startsWith("menu"))).toHaveLength(3);
    for (const key of ["exit", "disk"]) {
      const { status, ran } = choose(MENU, key);
      expect(status).toBe(0);
      expect(ran.filter((command) => command.startsWith("chain"))).toEqual([]);
    }
  });

  test("hot keys, where an item has one", () => {
    const items = MENU.items.map((item) => (item.key === "debian" ? { ...item, hotkey: "i" } : item));
    const menu = { ...MENU, items };
    expect(renderIpxe(menu)).toContain("item --key i debian Install Debian 12\n");
    expect(renderIpxe(menu)).toContain("item rescue Rescue");
    const place = { mac: "52:54:00:12:34:56", baseUrl: "http://192.168.77.1:8080" };
    expect(renderScript("grub", menu, place)).toContain(" --hotkey='i' --id 'debian' {");
    expect(renderScript("pxelinux", menu, place)).toContain("LABEL debian");
  });

  test("a group's name stands once above its items", () => {
    const headings = choose(MENU, "exit").ran.filter((command) => command.startsWith("item --gap"));
    expect(headings).toEqual(["item --gap -- Live", "item --gap -- Install", "item --gap -- Tools"]);
  });

  test.each([
    [{ title: "a ${net0/mac} b" }, "title"],
    [{ title: "a\nb" }, "title"],
    [{ title: "a || b" }, "title"],
    [{ title: " " }, "title"],
    [{ items: [{ key: "a b", label: "x", action: "exit" as const }], defaultItem: "a b" }, "items.key"],
    [{ items: [{ key: "disk", label: "# x", action: "exit" as const }] }, "items.label"],
    [{ items: [{ key: "disk", label: "x", group: "y ; z", action: "exit" as const }] }, "items.group"],
    [{ token: "a b" }, "token"],
  ])("refuses %j", (change, field) => {
    expect(() => renderIpxe({ ...MENU, ...change })).toThrow(
      expect.objectContaining({ code: "unrenderable-value", field }),
    );
  });
});

describe("chain", () => {
  const plan = { kind: "chain", url: "https://boot.example.org/menu.ipxe?a=1&b=2" } as const;

  test("golden", async () => {
    await expect(renderIpxe(plan)).toMatchFileSnapshot("goldens/chain.ipxe");
  });

  test("what returns in success has chosen the local disk; a failure is tried again", () => {
    expect(runIpxeScript(renderIpxe(plan), {}, () => 0).status).toBe(0);
    const failed = runIpxeScript(renderIpxe(plan), {}, ([name]) => (name === "chain" ? 1 : 0));
    expect(failed.status).toBe(1);
  });

  test("a URL that iPXE would read otherwise is refused", () => {
    for (const url of ["http://a/b c", "http://a/${x}", "http://a/\nexit", ""]) {
      expect(() => renderIpxe({ kind: "chain", url })).toThrow(expect.objectContaining({ field: "url" }));
    }
  });
});

describe("hold", () => {
  const plan = {
    kind: "hold",
    message: ["the install of node1 failed: disk full", "arm or disarm it to go on"],
    askAgainSeconds: 120,
  } as const;

  test("golden", async () => {
    await expect(renderIpxe(plan)).toMatchFileSnapshot("goldens/hold.ipxe");
  });

  test("it asks again and again, and never ends by itself", () => {
    let asked = 0;
    const { ran } = runIpxeScript(renderIpxe(plan), {}, ([name]) => {
      if (name === "chain" && ++asked === 5) return null;
      return name === "echo" ? 0 : 1;
    });
    expect(asked).toBe(5);
    expect(ran.filter((command) => command === "sleep 120")).toHaveLength(5);
    expect(ran.at(-1)).toMatch(/^chain --autofree --replace /);
  });
});

describe("retry", () => {
  const plan = {
    kind: "retry",
    message: ["the control plane does not answer", "asking again in 4 s; 12 of 300 s have passed"],
    askAgainSeconds: 4,
    waitedSeconds: 19,
  } as const;
  const ASKS = "chain --autofree --replace --timeout 15000 script.ipxe?uuid=&serial=&arch=&platform=";

  test("golden", async () => {
    await expect(renderIpxe(plan)).toMatchFileSnapshot("goldens/retry.ipxe");
  });

  test("it asks once, and says how long it has waited", () => {
    const { ran } = runIpxeScript(renderIpxe(plan), {}, ([name]) => (name === "chain" ? null : 0));
    expect(ran.slice(2)).toEqual(["sleep 4", `${ASKS}&waited=19`]);
  });

  test("where nobody answers, it hands over to stage one with an error", () => {
    const { ran, status } = runIpxeScript(renderIpxe(plan), {}, ([name]) => (name === "chain" ? 1 : 0));
    expect(ran.at(-1)).toBe("imgfree");
    expect(status).toBe(1);
  });

  test("what was chosen in a menu is asked for again", () => {
    const choice = { item: "rescue", menu: "7Yt" };
    const { ran } = runIpxeScript(renderIpxe({ ...plan, choice }), {}, ([name]) =>
      name === "chain" ? null : 0,
    );
    expect(ran.at(-1)).toBe(`${ASKS}&item=rescue&menu=7Yt&waited=19`);
  });
});
