import { runDurableObjectAlarm } from "cloudflare:test";
import { expect } from "vitest";
import { controlObject, siteObject } from "../../worker/env.ts";
import { done, env } from "./control-plane.ts";

/** Lets the site say which profiles it uses, and the ControlObject what they stand for: their alarms ring. */
export async function settleProfiles(site: string): Promise<void> {
  const { id } = await done("GET", `/sites/${site}`);
  await runDurableObjectAlarm(siteObject(env, id));
  await runDurableObjectAlarm(controlObject(env));
}

type Event = { stage: string; name: string; detail: Record<string, unknown> };

/** What was decided of a machine last, from its timeline. */
export async function lastDecision(site: string, machine: string): Promise<Record<string, unknown>> {
  const { items } = await done("GET", `/sites/${site}/machines/${machine}/timeline`);
  const decided = items.filter(({ stage, name }: Event) => stage === "decision" && name === "served");
  expect(decided).not.toEqual([]);
  return decided.at(-1).detail;
}
