import type { MenuEntry, MenuPlan } from "../../boot/plan.ts";
import { grubLocalLines } from "./grub-local.ts";
import { grubEcho, grubWord } from "./grub-text.ts";
import { ownScriptName, relayAddress, type ScriptPlace } from "./place.ts";

/**
 * Renders a menu: GRUB's own, which it shows when stage one ends, and that ends
 * where `pxedge_menu` is set. An item that fails must not leave the machine at
 * the menu, whose time no longer runs then: it starts anew.
 *
 * @throws ScriptError `unrenderable-value`, `unsupported-plan`
 */
export function renderGrubMenu(menu: MenuPlan, place: ScriptPlace): string {
  const { title, items, defaultItem, timeoutSeconds } = menu;
  return [
    grubEcho("title", title),
    "set pxedge_menu=1",
    `set default=${grubWord("defaultItem", defaultItem)}`,
    `set timeout=${timeoutSeconds ?? -1}`,
    ...items
      .filter(({ action }) => action !== "shell")
      .flatMap((item) => [
        `menuentry ${grubWord("items.label", labelOf(item))}${hotkeyOf(item)} --id ${grubWord("items.key", item.key)} {`,
        ...actionLines(item, menu, place),
        "}",
      ]),
    "",
  ].join("\n");
}

/** GRUB takes the name of a key, e.g. `backspace`, or the key. */
function hotkeyOf({ hotkey }: MenuEntry): string {
  return hotkey === undefined ? "" : ` --hotkey=${grubWord("items.hotkey", hotkey)}`;
}

function labelOf({ group, label }: MenuEntry): string {
  return group === undefined ? label : `${group}: ${label}`;
}

function actionLines(
  { key, action }: MenuEntry,
  { token, localBoot }: MenuPlan,
  place: ScriptPlace,
): readonly string[] {
  switch (action) {
    case "ask": {
      const { host } = relayAddress(place);
      const name = ownScriptName("grub", place, { item: key, menu: token });
      return [`source ${grubWord("items", `(tftp,${host})/${name}`)}`, "sleep 10", "reboot"];
    }
    case "local":
      return grubLocalLines(localBoot);
    case "exit":
      return ["exit 1"];
    case "shell":
      return [];
    case "reboot":
      return ["reboot"];
  }
}
