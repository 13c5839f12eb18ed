import type { MenuAction, MenuEntry, MenuPlan } from "../../boot/plan.ts";
import { ownScriptName, type ScriptPlace } from "./place.ts";
import { pxelinuxLine, pxelinuxLocal } from "./pxelinux-text.ts";
import { timeoutTenths } from "./pxelinux-wait.ts";

/** What PXELINUX does without modules, which a boot file may have or not. */
const POSSIBLE: readonly MenuAction[] = ["ask", "local", "exit"];

/**
 * Renders a menu of text: the keys are typed at the prompt.
 *
 * @throws ScriptError `unrenderable-value`, `unsupported-plan`
 */
export function renderPxelinuxMenu(menu: MenuPlan, place: ScriptPlace): string {
  const items = menu.items.filter(({ action }) => POSSIBLE.includes(action));
  // An item that cannot be done here gives way to the safe one.
  const defaultItem = items.some(({ key }) => key === menu.defaultItem) ? menu.defaultItem : "local-disk";
  return [
    pxelinuxLine("SAY", "title", menu.title),
    ...items.map(({ key, label, group }) =>
      pxelinuxLine("SAY", "items.label", `${key}: ${group === undefined ? label : `${group}: ${label}`}`),
    ),
    "PROMPT 1",
    pxelinuxLine("DEFAULT", "defaultItem", defaultItem),
    `TIMEOUT ${menu.timeoutSeconds === null ? 0 : timeoutTenths(menu.timeoutSeconds)}`,
    ...items.flatMap((item) => [
      pxelinuxLine("LABEL", "items.key", item.key),
      `  ${actionLine(item, menu, place)}`,
    ]),
    "LABEL local-disk",
    `  ${pxelinuxLocal(menu.localBoot)}`,
    "",
  ].join("\n");
}

function actionLine({ key, action }: MenuEntry, { token, localBoot }: MenuPlan, place: ScriptPlace): string {
  switch (action) {
    case "ask": {
      const name = ownScriptName("pxelinux", place, { item: key, menu: token });
      return pxelinuxLine("CONFIG", "items.key", `::${name}`);
    }
    case "exit":
      return "LOCALBOOT -1";
    case "local":
      return pxelinuxLocal(localBoot);
    case "reboot":
    case "shell":
      throw new Error(`PXELINUX does no ${action}`);
  }
}
