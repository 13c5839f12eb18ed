import { describe, expect, test } from "vitest";
import { planMenu } from "../../../core/boot/menu.ts";
import type { MenuItem, MenuProfile, Profile } from "../../../core/boot/model.ts";

const ITEMS: readonly MenuItem[] = [
  { key: "rescue", label: "Rescue", group: "Live", profile: "rescue" },
  { key: "netboot", label: "netboot.xyz", profile: "xyz" },
  { key: "debian", label: "Install Debian", profile: "debian" },
  { key: "disk", label: "Disk", action: "local" },
  { key: "shell", label: "Shell", action: "shell" },
];
const MENU: MenuProfile = {
  mode: "menu",
  title: "Lab",
  items: ITEMS,
  default: "rescue",
  timeoutSeconds: 30,
};
const MODES: Record<string, Profile["mode"]> = { rescue: "live", xyz: "chain", debian: "install" };

function plan(menu: Partial<MenuProfile>, { modes = MODES, installs = true } = {}) {
  return planMenu({ ...MENU, ...menu }, { modeOf: (name) => modes[name], installs, token: "t1" });
}
const keys = (shown: ReturnType<typeof plan>): string[] => shown.items.map(({ key }) => key);

test("items in their order, profiles as what is asked for", () => {
  expect(plan({})).toEqual({
    kind: "menu",
    title: "Lab",
    items: [
      { key: "rescue", label: "Rescue", group: "Live", action: "ask" },
      { key: "netboot", label: "netboot.xyz", action: "ask" },
      { key: "debian", label: "Install Debian", action: "ask" },
      { key: "disk", label: "Disk", action: "local" },
      { key: "shell", label: "Shell", action: "shell" },
    ],
    defaultItem: "rescue",
    timeoutSeconds: 30,
    token: "t1",
  });
});

test("what installs is shown only where that is allowed, what does not exist never, nor a menu in a menu", () => {
  expect(keys(plan({}, { installs: false }))).toEqual(["rescue", "netboot", "disk", "shell"]);
  const modes = { rescue: "menu", debian: "install" } as const;
  expect(keys(plan({}, { modes }))).toEqual(["debian", "disk", "shell"]);
});

describe("time alone never installs", () => {
  const cases: [string, Partial<MenuProfile>, Record<string, Profile["mode"]>, string][] = [
    ["a default that became one that installs", {}, { ...MODES, rescue: "install" }, "disk"],
    ["a default that is no longer there", {}, { debian: "install" }, "disk"],
    ["a default of no item", { default: "gone" }, MODES, "disk"],
    ["a menu without the local disk", { default: "debian", items: [ITEMS[2]!] }, MODES, "pxedge-local"],
    ["a menu of which nothing is left", { items: [ITEMS[0]!] }, {}, "pxedge-local"],
  ];
  test.each(cases)("%s", (_, menu, modes, expected) => {
    const shown = plan(menu, { modes });
    expect(shown.defaultItem).toBe(expected);
    expect(shown.items.find(({ key }) => key === expected)?.action).toBe("local");
  });

  test("for every combination of what the names stand for", () => {
    const possible = [undefined, "install", "live", "menu", "chain", "local"] as const;
    for (const rescue of possible)
      for (const xyz of possible)
        for (const installs of [true, false])
          for (const chosen of ["rescue", "netboot", "debian", "disk", "shell", "none"]) {
            const modes = Object.fromEntries(
              Object.entries({ rescue, xyz, debian: "install" as const }).filter(([, mode]) => mode),
            ) as Record<string, Profile["mode"]>;
            const shown = plan({ default: chosen }, { modes, installs });
            const entry = shown.items.find(({ key }) => key === shown.defaultItem);
            const profile = ITEMS.find(({ key }) => key === entry?.key)?.profile;
            expect(entry).toBeDefined();
            expect(profile === undefined ? "none" : modes[profile]).not.toBe("install");
          }
  });
});
