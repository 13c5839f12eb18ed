import { COMMIT_FILE } from "../core/boot/answer.ts";
import type { Dialect } from "../core/boot/dialect.ts";
import { initrdName } from "../core/boot/initrd.ts";
import type { Initrd } from "../core/boot/model.ts";
import type { BootPlan } from "../core/boot/plan.ts";
import type { Repeatable } from "../core/relay-protocol/headers.ts";
import { signImagePath } from "../core/sign/image-path.ts";
import type { Env } from "./env.ts";
import { deriveSiteKeys } from "./image-keys.ts";
import type { ScriptPlan } from "./site-object/scripts.ts";
import { renderKernelArgs } from "./site-object/render.ts";
import { namesTree, signTree, withTree } from "./tree-url.ts";

/**
 * What a decided boot loads, its image URLs signed for the site: for the
 * renderer of the boot loader that asks.
 *
 * iPXE gets a signature a file. Others get one for the whole image, as they may
 * load it by TFTP, which has names of 127 bytes and no queries.
 *
 * @param client `prefix` precedes every path: a signature speaks for the path without it
 */
export async function createBootPlan(
  env: Env,
  { siteId, prefix }: { siteId: string; prefix: string },
  dialect: Dialect,
  plan: ScriptPlan,
): Promise<BootPlan> {
  if (plan.kind !== "kernel") return plan;
  const { pinned, capability } = plan;
  const { document } = pinned.profile;
  const { image } = pinned;
  const tree =
    dialect !== "ipxe" || namesTree(document.args)
      ? await signTree(env.IMAGE_KEYS, siteId, image, plan.urlsExpireAt)
      : undefined;
  const [signer] = await deriveSiteKeys(env.IMAGE_KEYS, siteId);
  const expiresAt = Math.ceil(plan.urlsExpireAt / 1_000);
  const sign = async (file: string) => {
    if (dialect !== "ipxe") return `${prefix}${tree}/${file}`;
    const path = `/i/${image.name}/${image.revision}/${file}`;
    return prefix + (await signImagePath({ ...signer!, siteId, path, expiresAt }));
  };
  const locate = async (initrd: Initrd) =>
    typeof initrd === "object" && "answer" in initrd
      ? `${prefix}/a/${capability}/${initrd.answer}`
      : await sign(typeof initrd === "string" ? initrd : initrd.file);
  const initrds = document.initrds ?? [];
  const view = tree === undefined ? plan.view : withTree(plan.view, tree);
  return {
    kind: "kernel",
    kernelUrl: await sign(document.kernel),
    initrdUrls: await Promise.all(initrds.map(locate)),
    ...(document.protocol === "plain" && { plain: { initrdNames: initrds.map(initrdName) } }),
    args: renderKernelArgs(pinned, view),
    // An installer that fetches answers commits by the first one; a live system has nothing to commit.
    ...(document.mode === "install" &&
      Object.keys(document.answers ?? {}).length === 0 && {
        commitUrl: `${prefix}/a/${capability}/${COMMIT_FILE}`,
      }),
  };
}

/**
 * Whether a relay may give the script again while we do not answer it: never
 * what could install, what holds a capability, or what was chosen in a menu.
 */
export function repeatabilityOf(plan: ScriptPlan, boot: BootPlan): Repeatable | undefined {
  switch (plan.kind) {
    case "local":
    case "chain":
      return "as-is";
    case "kernel": {
      const { mode, answers = {} } = plan.pinned.profile.document;
      const hands =
        Object.keys(answers).length > 0 || (boot.kind === "kernel" && boot.args.includes(plan.capability));
      return mode === "live" && !hands ? "signed-anew" : undefined;
    }
    case "san":
      // A relay keeps what it may repeat on its disk, where no secret belongs.
      return plan.password === undefined ? "as-is" : undefined;
    case "menu":
    case "hold":
      return undefined;
  }
}
