import type { LocalBoot, MenuItem, MenuProfile, Profile } from "./model.ts";
import type { MenuEntry, MenuPlan } from "./plan.ts";

/** Item keys that begin so are ours. */
export const RESERVED_KEY_PREFIX = "pxedge-";

const LOCAL_DISK: MenuEntry = {
  key: `${RESERVED_KEY_PREFIX}local`,
  label: "Boot the local disk",
  action: "local",
};

/**
 * What a machine is shown of a menu: without items that it could not have, and
 * with a default that wipes nothing. Time alone must never install, not even
 * where the default's profile became one that installs after the menu was made.
 *
 * @param modeOf what a name stands for at this site; `undefined`: nothing
 * @param installs whether items that install may be chosen now
 */
export function planMenu(
  { title, items, default: defaultItem, timeoutSeconds }: MenuProfile,
  shown: {
    modeOf: (profile: string) => Profile["mode"] | undefined;
    installs: boolean;
    token: string;
    localBoot?: LocalBoot | undefined;
  },
): MenuPlan {
  const modeOf = ({ profile }: MenuItem) => (profile === undefined ? undefined : shown.modeOf(profile));
  const canHave = (item: MenuItem): boolean => {
    if (item.profile === undefined) return true;
    const mode = modeOf(item);
    return mode === "install" ? shown.installs : mode !== undefined && mode !== "menu";
  };
  const visible = items.filter(canHave);
  const preferred = visible.find(({ key }) => key === defaultItem);
  const safe =
    preferred !== undefined && modeOf(preferred) !== "install"
      ? preferred
      : visible.find(({ action }) => action === "local");
  return {
    kind: "menu",
    title,
    items: [...visible.map(toEntry), ...(safe === undefined ? [LOCAL_DISK] : [])],
    defaultItem: (safe ?? LOCAL_DISK).key,
    timeoutSeconds,
    ...(shown.localBoot !== undefined && { localBoot: shown.localBoot }),
    token: shown.token,
  };
}

function toEntry({ key, label, group, hotkey, action }: MenuItem): MenuEntry {
  return {
    key,
    label,
    ...(group !== undefined && { group }),
    ...(hotkey !== undefined && { hotkey }),
    action: action ?? "ask",
  };
}
