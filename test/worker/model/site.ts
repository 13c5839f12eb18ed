import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { vi } from "vitest";
import { parseMac } from "../../../core/addresses.ts";
import { siteObject } from "../../../worker/env.ts";
import { api, createProfiles, createSite, done, env, type TestRelay } from "../control-plane.ts";
import { BrokenRule, Oracle, type Exchange } from "./oracle.ts";
import {
  INSTALL_DEADLINE_SECONDS,
  MACHINES,
  MACS,
  type ArmOperation,
  type Observed,
  type Operation,
  type Schedule,
} from "./schedule.ts";

const STRANGER = "02:ff:ff:ff:ff:ff";
const ANSWER = "---\nkind: shell\ndescription: of the model\n---\nattempt={{attempt.id}}\n";
/** Replies of a control plane that says it cannot now, and of one that was torn down midway. */
const FAILED = 500;

/**
 * A site whose clock, storage and objects a schedule plays with. Machines are
 * new for every schedule, so that one site serves many.
 */
export class ModelSite {
  private readonly relay: TestRelay;
  private readonly id: string;
  private readonly local: string;
  private readonly name: string;
  private machinesMade = 0;
  private kvWork: Promise<void> = Promise.resolve();
  private kvCopy: Map<string, string> | null = null;

  private constructor(name: string, id: string, relay: TestRelay, local: string) {
    this.name = name;
    this.id = id;
    this.relay = relay;
    this.local = local;
  }

  /** Makes the site, its profile `model`, and takes the clock. */
  static async create(name: string): Promise<ModelSite> {
    vi.useFakeTimers({ toFake: ["Date"] });
    const relay = await createSite(name);
    await createProfiles();
    await done("PUT", "/templates/model", { text: ANSWER });
    await done("PUT", "/profiles/model", {
      mode: "install",
      image: "debian-12",
      kernel: "linux",
      args: "attempt={{attempt.id}} answers={{urls.answers}}",
      answers: { "once.sh": { template: "model" }, "late.sh": { template: "model", lifetime: "attempt" } },
      installDeadlineSeconds: INSTALL_DEADLINE_SECONDS,
    });
    const { id } = await done("GET", `/sites/${name}`);
    return new ModelSite(name, id, relay, await relay.script(STRANGER));
  }

  /**
   * Runs a schedule on machines of its own.
   *
   * @throws BrokenRule
   */
  async run(schedule: Schedule): Promise<void> {
    const machines = await this.createMachines();
    const oracle = new Oracle(this.local);
    for (const { advanceSeconds, operations } of schedule) {
      vi.setSystemTime(Date.now() + advanceSeconds * 1_000);
      const kvWasOut = this.kvCopy !== null;
      const exchanges = await Promise.all(
        operations.map(async ({ turns, operation }) => {
          for (let i = 0; i < turns; i++) await scheduler.wait(0);
          return await this.perform(operation, machines, oracle);
        }),
      );
      const disturbed =
        kvWasOut || operations.some(({ operation }) => operation.type === "abort" || operation.type === "kv");
      oracle.judge(exchanges.flat(), Date.now(), disturbed);
    }
    await this.bringKvBack();
  }

  private async createMachines(): Promise<Machine[]> {
    return await Promise.all(
      Array.from({ length: MACHINES }, async () => {
        const number = this.machinesMade++;
        const macs = Array.from({ length: MACS }, (_, i) => {
          const hex = (number * MACS + i).toString(16).padStart(10, "0");
          return parseMac(`02${hex}`)!;
        });
        const name = `m${number}`;
        await done("PUT", `/sites/${this.name}/machines/${name}`, { macs });
        return { path: `/sites/${this.name}/machines/${name}`, macs };
      }),
    );
  }

  private async perform(operation: Operation, machines: Machine[], oracle: Oracle): Promise<Exchange[]> {
    const ownerOf = (mac: string | null) => {
      const index = machines.findIndex(({ macs }) => mac !== null && macs.includes(mac));
      return index === -1 ? null : index;
    };
    switch (operation.type) {
      case "script": {
        const { macs } = machines[operation.machine]!;
        const mac = observedMac(machines, operation);
        return await repeat(operation.times, async () => {
          const path = `/boot/${macs[operation.mac]!.replaceAll(":", "-")}/script.ipxe`;
          const { status, text } = await settle(this.relay.ask(mac, "GET", path));
          return { operation, owner: ownerOf(mac), status, text };
        });
      }
      case "answer": {
        const capability = oracle.capability(operation.machine, operation.boot);
        if (capability === undefined) return [];
        const mac = observedMac(machines, operation);
        return await repeat(operation.times, async () => {
          const path = `/a/${capability}/${operation.file}`;
          const { status, text } = await settle(this.relay.ask(mac, operation.method, path));
          return { operation, owner: ownerOf(mac), capability, status, text };
        });
      }
      case "callback": {
        const capability = oracle.capability(operation.machine, operation.boot);
        if (capability === undefined) return [];
        const mac = machines[operation.machine]!.macs[0]!;
        return await repeat(operation.times, async () => {
          const path = `/e/${capability}/${operation.event}`;
          const { status } = await settle(this.relay.ask(mac, "POST", path));
          return { operation, capability, status };
        });
      }
      case "arm": {
        const superseded = operation.supersede ? (oracle.latestAttempt(operation.machine)?.id ?? null) : null;
        return await repeat(operation.times, () =>
          this.arm(operation, machines[operation.machine]!, superseded),
        );
      }
      case "disarm": {
        const { status, json } = await settle(api("POST", `${machines[operation.machine]!.path}/disarm`));
        return [{ operation, status, attempt: status === 200 ? json : null }];
      }
      case "alarm":
        for (let i = 0; i < operation.times; i++) await runDurableObjectAlarm(siteObject(env, this.id));
        return [];
      case "evict":
        await evictDurableObject(siteObject(env, this.id)).catch(ignoreNotRunning);
        return [];
      case "abort":
        await abortAllDurableObjects();
        return [];
      case "kv":
        // One after the other: what one has taken away must not be missed by the other.
        this.kvWork = this.kvWork.then(() => (operation.missing ? this.takeKvAway() : this.bringKvBack()));
        await this.kvWork;
        return [];
    }
  }

  private async arm(operation: ArmOperation, machine: Machine, superseded: string | null): Promise<Exchange> {
    const { retries, ttlSeconds, key } = operation;
    const reply = await settle(
      api(
        "POST",
        `${machine.path}/arm`,
        {
          profile: "model",
          retries,
          ttlSeconds,
          // Schedules of one site arm more machines an hour than people do.
          confirmCount: 1,
          ...(superseded !== null && { supersede: superseded }),
        },
        key === null ? {} : { "idempotency-key": `k${key}` },
      ),
    );
    if (reply.status === 200 || reply.status === 201) {
      return { operation, superseded, status: reply.status, attempt: reply.json };
    }
    const taken = key !== null && reply.json?.type === "urn:pxedge:problem:idempotency-mismatch";
    if (reply.status < FAILED && reply.status !== 409 && !taken) {
      throw new BrokenRule("a good order is taken, or in conflict with another", reply);
    }
    // It may have been taken all the same.
    const attempt = reply.status < FAILED ? null : (await done("GET", `${machine.path}/attempts`)).items[0];
    return { operation, superseded, status: reply.status, attempt: attempt ?? null };
  }

  private async takeKvAway(): Promise<void> {
    if (this.kvCopy !== null) return;
    this.kvCopy = new Map();
    for (const { name } of (await env.REVISIONS.list()).keys) {
      const value = await env.REVISIONS.get(name);
      if (value !== null) this.kvCopy.set(name, value);
      await env.REVISIONS.delete(name);
    }
  }

  private async bringKvBack(): Promise<void> {
    const copy = this.kvCopy;
    for (const [name, value] of copy ?? []) await env.REVISIONS.put(name, value);
    this.kvCopy = null;
  }
}

type Machine = { readonly path: string; readonly macs: readonly string[] };

function observedMac(
  machines: readonly Machine[],
  { machine, observed }: { machine: number; observed: Observed },
): string | null {
  switch (observed) {
    case "first":
      return machines[machine]!.macs[0]!;
    case "second":
      return machines[machine]!.macs[1]!;
    case "other":
      return machines[(machine + 1) % machines.length]!.macs[0]!;
    case "stranger":
      return STRANGER;
    case "none":
      return null;
  }
}

async function repeat<T>(times: number, run: () => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: times }, run));
}

/** A request that was torn down with its object is a failed one. */
async function settle(reply: ReturnType<typeof api>): ReturnType<typeof api> {
  return await reply.catch((error: unknown) => ({
    status: FAILED,
    headers: new Headers(),
    text: String(error),
    json: null,
  }));
}

/** An object that does not run has nothing to be evicted. */
function ignoreNotRunning(error: unknown): void {
  if (!/not (?:currently )?running/i.test(String(error))) throw error;
}
