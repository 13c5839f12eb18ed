import type { MenuEntry, MenuPlan } from "../../boot/plan.ts";
import { GRUB_LOCAL_LINES } from "./grub-local.ts";
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
        `menuentry ${grubWord("items.label", labelOf(item))} --id ${grubWord("items.key", item.key)} {`,
        ...actionLines(item, menu, place),
        "}",
      ]),
    "",
  ].join("\n");
}

function labelOf({ group, label }: MenuEntry): string {
  return group === undefined ? label : `${group}: ${label}`;
}

function actionLines({ key, action }: MenuEntry, { token }: MenuPlan, place: ScriptPlace): readonly string[] {
  switch (action) {
    case "ask": {
      const { host } = relayAddress(place);
      const name = ownScriptName("grub", place, { item: key, menu: token });
      return [`source ${grubWord("items", `(tftp,${host})/${name}`)}`, "sleep 10", "reboot"];
    }
    case "local":
      return GRUB_LOCAL_LINES;
    case "exit":
      return ["exit 1"];
    case "shell":
      return [];
    case "reboot":
      return ["reboot"];
  }
}
