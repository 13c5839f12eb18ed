import type { Initrd } from "./model.ts";

/** The path of an initrd inside its image; `undefined`: it is an answer. */
export function initrdFile(initrd: Initrd): string | undefined {
  if (typeof initrd === "string") return initrd;
  return "file" in initrd ? initrd.file : undefined;
}

/** What a plain program finds it by: its own name, else the last part of its path. */
export function initrdName(initrd: Initrd): string {
  if (typeof initrd === "object" && initrd.name !== undefined) return initrd.name;
  const path = typeof initrd === "string" ? initrd : "file" in initrd ? initrd.file : initrd.answer;
  return path.slice(path.lastIndexOf("/") + 1);
}
