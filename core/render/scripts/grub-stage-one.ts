import { grubWord } from "./grub-text.ts";
import { grubLocalLines } from "./grub-local.ts";
import { ownScriptName, relayAddress, type ScriptPlace } from "./place.ts";
import { planPauses, type StageOneOptions } from "./stage-one.ts";

/**
 * Renders stage one for GRUB, the config that it looks for by itself: sources
 * the machine's own script, tries again with growing, jittered pauses, and
 * never stops at a prompt. (GRUB may look several times for a config, which
 * must not count as a script served.)
 *
 * A script that boots does not come back. One that comes back with
 * `pxedge_again` wants to be asked for again in so many seconds, with
 * `pxedge_query`; one with `pxedge_menu` has a menu, which GRUB shows once
 * this has ended; any other has failed. `source` succeeds in any case (GRUB
 * 2.06), so that its status tells nothing.
 */
export function renderGrubStageOne({
  bootWaitSeconds,
  jitter,
  ...place
}: ScriptPlace & Pick<StageOneOptions, "bootWaitSeconds" | "jitter">): string {
  const { host } = relayAddress(place);
  const script = grubWord("baseUrl", `(tftp,${host})/${ownScriptName("grub", place)}`);
  const tries = [
    `for pxedge_pause in ${[0, ...planPauses(bootWaitSeconds, jitter)].join(" ")}; do`,
    '  if [ "$pxedge_pause" != 0 ]; then echo pxedge: no answer, trying again in $pxedge_pause s; fi',
    "  set pxedge_query=",
    "  set pxedge_again=$pxedge_pause",
    '  while [ -n "$pxedge_again" ]; do',
    "    sleep $pxedge_again",
    "    set pxedge_again=",
    `    source ${script}"$pxedge_query"`,
    "  done",
    '  if [ -n "$pxedge_menu" ]; then break; fi',
    "done",
  ];
  return [
    "set pager=0",
    "set pxedge_menu=",
    `echo ${grubWord("mac", `pxedge: asking what to boot (${place.mac})`)}`,
    ...(bootWaitSeconds === null ? ['while [ -z "$pxedge_menu" ]; do', ...tries, "done"] : tries),
    'if [ -z "$pxedge_menu" ]; then',
    ...(bootWaitSeconds === null
      ? []
      : [`echo 'pxedge: no answer for ${bootWaitSeconds} s, booting the local disk'`]),
    ...grubLocalLines(),
    "fi",
    "",
  ].join("\n");
}
