import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pino, { type Logger } from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import type { RelayState } from "../../../core/relay-protocol/state.ts";
import type { Outcome } from "../../../relay/control-plane/client.ts";
import { mergeState } from "../../../relay/control-plane/merge-state.ts";
import { createStateFile } from "../../../relay/control-plane/state-file.ts";
import {
  createStateSync,
  type StateSync,
  type StateSyncOptions,
} from "../../../relay/control-plane/state-sync.ts";
import { makeFolder } from "./fixture.ts";
import { machine, SITE, state } from "./site-state.ts";
import { eventually } from "../../support/eventually.ts";

const SILENT = pino({ level: "silent" });
const AWAY: Outcome<RelayState> = { kind: "unreachable", reason: "no route to host" };

/** A fake control plane: answers what the test queued last, and keeps what it was asked. */
function fakeClient(answer: () => Outcome<RelayState>) {
  const asked: (number | undefined)[] = [];
  return {
    asked,
    fetchState: async (after?: number): Promise<Outcome<RelayState>> => {
      asked.push(after);
      return answer();
    },
  };
}

function ok(value: RelayState): Outcome<RelayState> {
  return { kind: "ok", value };
}

async function start(
  stateDir: string,
  client: StateSyncOptions["client"],
  options: Partial<StateSyncOptions> = {},
): Promise<StateSync> {
  const sync = await createStateSync({
    client,
    file: createStateFile(stateDir, SITE.id, SILENT),
    siteId: SITE.id,
    log: SILENT,
    debounceMs: 5,
    ...options,
  });
  onTestFinished(() => sync.stop());
  return sync;
}

/** A log that keeps its lines. */
function listeningLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: "info" }, { write: (line) => void lines.push(line) }), lines };
}

describe("merging", () => {
  const held = state({ revision: 5, machines: [machine("a"), machine("b")] });

  test("a delta adds, replaces and removes by id", () => {
    const merged = mergeState(
      held,
      state({
        revision: 6,
        full: false,
        machines: [machine("b", { name: "renamed" }), machine("c")],
        removed: ["a"],
        imageKeys: [{ kid: "k", key: "x" }],
      }),
    );
    expect(merged).toEqual(
      state({
        revision: 6,
        machines: [machine("b", { name: "renamed" }), machine("c")],
        imageKeys: [{ kid: "k", key: "x" }],
      }),
    );
  });

  test("a full answer replaces all", () => {
    expect(mergeState(held, state({ revision: 2, machines: [machine("z")], removed: ["a"] }))).toEqual(
      state({ revision: 2, machines: [machine("z")] }),
    );
  });
});

describe("keeping up", () => {
  test("the first fetch asks for all, the next for what came after", async () => {
    const answers = [
      ok(state({ revision: 5, machines: [machine("a")] })),
      ok(state({ revision: 6, full: false, machines: [machine("b")] })),
    ];
    const client = fakeClient(() => answers.shift()!);
    const changes: number[] = [];
    const sync = await start(await makeFolder(), client, {
      onChange: ({ revision }) => changes.push(revision),
    });
    expect(sync.current()).toBeUndefined();
    expect(await sync.refresh()).toBe("ok");
    expect(await sync.refresh()).toBe("ok");
    expect(client.asked).toEqual([undefined, 5]);
    expect(sync.current()!.machines.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(changes).toEqual([5, 6]);
  });

  test("an answer without news changes nothing", async () => {
    const onChange = vi.fn<(state: RelayState) => void>();
    const client = fakeClient(() => ok(state({ revision: 5, full: client.asked.length === 1 })));
    const sync = await start(await makeFolder(), client, { onChange });
    await sync.refresh();
    const before = sync.current();
    await sync.refresh();
    expect(sync.current()).toBe(before);
    expect(onChange).toHaveBeenCalledOnce();
  });

  test("a newer revision that any answer tells of is fetched, a burst of them once, an older one not", async () => {
    let revision = 5;
    const client = fakeClient(() => ok(state({ revision })));
    const sync = await start(await makeFolder(), client);
    await sync.refresh();
    for (const old of ["5", "4", "", "nonsense", "-1", "99999999999999999999"]) sync.noteRevision(old);
    revision = 8;
    for (const hint of ["6", "7", "8", "7"]) sync.noteRevision(hint);
    await eventually(() => expect(sync.current()!.revision).toBe(8));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(client.asked).toEqual([undefined, 5]);
  });

  test("it polls each minute, with jitter", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const client = fakeClient(() => AWAY);
    await start(await makeFolder(), client, { random: () => 0 });
    await vi.advanceTimersByTimeAsync(44_999);
    expect(client.asked).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(client.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(45_000);
    expect(client.asked).toHaveLength(2);
  });

  test("another site's state is not taken", async () => {
    const client = fakeClient(() => ok(state({ site: { ...SITE, id: "s2" } })));
    const sync = await start(await makeFolder(), client);
    expect(await sync.refresh()).toBe("bad-answer");
    expect(sync.current()).toBeUndefined();
  });

  test("an outage is told once, and so is its end; a refused credential says what to do", async () => {
    const { log, lines } = listeningLog();
    let answer: Outcome<RelayState> = AWAY;
    const sync = await start(
      await makeFolder(),
      fakeClient(() => answer),
      { log },
    );
    await sync.refresh();
    await sync.refresh();
    answer = ok(state({}));
    await sync.refresh();
    answer = { kind: "unauthorized" };
    await sync.refresh();
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "the control plane cannot be reached; nothing is known of the site yet",
      "the control plane is back",
      "credentials refused; run `pxedge relay join` again",
    ]);
  });
});

describe("the disk", () => {
  test("a restart with the WAN dead still knows the machines", async () => {
    const stateDir = await makeFolder();
    const full = state({ revision: 5, machines: [machine("a", { address: "192.168.77.60" })] });
    const first = await start(
      stateDir,
      fakeClient(() => ok(full)),
    );
    await first.refresh();
    await first.stop();
    expect((await stat(join(stateDir, "state.json"))).mode & 0o777).toBe(0o600);

    const changes: RelayState[] = [];
    const client = fakeClient(() => AWAY);
    const second = await start(stateDir, client, { onChange: (state) => changes.push(state) });
    expect(second.current()).toEqual(full);
    expect(changes).toEqual([full]);
    expect(await second.refresh()).toBe("unreachable");
    expect(client.asked).toEqual([5]);
    expect(second.current()).toEqual(full);
  });

  test.each(["", "{", '{"revision":1}'])("a damaged file (%j) is as none", async (text) => {
    const stateDir = await makeFolder();
    await writeFile(join(stateDir, "state.json"), text);
    const sync = await start(
      stateDir,
      fakeClient(() => AWAY),
    );
    expect(sync.current()).toBeUndefined();
  });

  test("what another site left is not read", async () => {
    const stateDir = await makeFolder();
    await writeFile(join(stateDir, "state.json"), JSON.stringify(state({ site: { ...SITE, id: "s2" } })));
    const sync = await start(
      stateDir,
      fakeClient(() => AWAY),
    );
    expect(sync.current()).toBeUndefined();
  });

  test("a delta is kept merged", async () => {
    const stateDir = await makeFolder();
    const answers = [
      ok(state({ machines: [machine("a")] })),
      ok(state({ revision: 2, full: false, machines: [machine("b")] })),
    ];
    const sync = await start(
      stateDir,
      fakeClient(() => answers.shift()!),
    );
    await sync.refresh();
    await sync.refresh();
    const kept = JSON.parse(await readFile(join(stateDir, "state.json"), "utf8")) as RelayState;
    expect(kept).toEqual(sync.current());
    expect(kept.machines).toHaveLength(2);
  });
});
