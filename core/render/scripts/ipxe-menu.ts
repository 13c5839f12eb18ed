import type { MenuEntry, MenuPlan } from "../../boot/plan.ts";
import { OWN_SCRIPT_URL, SCRIPT_TIMEOUT_MS } from "./ipxe-script-url.ts";
import { ipxeLine, ipxeWord } from "./ipxe-text.ts";
import { localDiskLines } from "./local-boot.ts";

/**
 * Renders a menu. The default item is taken when the time is up, when somebody
 * leaves the menu with Esc, and by an iPXE that was built without menus. An
 * item that fails ends the script with an error, upon which stage one tries
 * again, and the menu is there again.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderMenu(plan: MenuPlan): string {
  const { title, items, defaultItem, timeoutSeconds } = plan;
  const label = (key: string): string => `choice-${ipxeWord("items.key", key)}`;
  const wait = timeoutSeconds === null ? "" : ` --timeout ${timeoutSeconds * 1_000}`;
  return [
    "#!ipxe",
    ":menu",
    `menu -- ${ipxeLine("title", title)} || goto ${label(defaultItem)}`,
    ...items.flatMap((item, index) => itemLines(item, items[index - 1]?.group)),
    `choose --default ${defaultItem}${wait} choice && goto choice-\${choice} || goto ${label(defaultItem)}`,
    ...items.flatMap((item) => [`:${label(item.key)}`, ...actionLines(item, plan)]),
    ":failed",
    "echo pxedge: this could not be booted",
    "imgfree ||",
    "exit 1",
    "",
  ].join("\n");
}

function itemLines({ key, label, group, hotkey }: MenuEntry, groupBefore: string | undefined): string[] {
  return [
    ...(group === undefined || group === groupBefore
      ? []
      : [`item --gap -- ${ipxeLine("items.group", group)}`]),
    `item ${hotkey === undefined ? "" : `--key ${ipxeWord("items.hotkey", hotkey)} `}${ipxeWord("items.key", key)} ${ipxeLine("items.label", label)}`,
  ];
}

function actionLines({ key, action }: MenuEntry, { token, localBoot }: MenuPlan): string[] {
  switch (action) {
    case "ask": {
      const url = `${OWN_SCRIPT_URL}&item=${key}&menu=${ipxeWord("token", token)}`;
      return [`chain --autofree --timeout ${SCRIPT_TIMEOUT_MS} ${url} || goto failed`, "exit 0"];
    }
    case "local":
      return [...localDiskLines(localBoot), "exit 0"];
    case "exit":
      return ["exit 0"];
    case "shell":
      return ["shell ||", "goto menu"];
    case "reboot":
      return ["reboot || goto failed"];
  }
}
