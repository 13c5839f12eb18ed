import { DurableObject } from "cloudflare:workers";
import { advance, createAttempt, isActive } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { EventDetail } from "../../core/relay-protocol/events.ts";
import type { PrefetchFile, RelayState } from "../../core/relay-protocol/state.ts";
import { formatSiteCredential, mintId, mintSecret, hashSecret, type SiteCredential } from "../credentials.ts";
import type { Env } from "../env.ts";
import { migrate } from "../migrate.ts";
import { fail, ok, type Result } from "../problem.ts";
import type { MachineInput, ReportedEvent } from "../schemas.ts";
import {
  activePins,
  attemptsDue,
  earliestDeadline,
  findActiveAttempt,
  findAttempt,
  findIdempotent,
  insertAttempt,
  listAttempts,
  noteIdempotent,
  saveAttempt,
} from "./attempts.ts";
import { openAnswer, openScript, takeCallback } from "./boot.ts";
import type { AnswerRequest, CallbackRequest, ScriptRequest } from "./boot.ts";
import { listEvents, pruneEvents, recordEvent, recordOwnEvent, type StoredEvent } from "./events.ts";
import {
  deleteMachine,
  findMachine,
  listMachines,
  machinesSince,
  putMachine,
  type SiteMachine,
} from "./machines.ts";
import type { SiteIdentity } from "./identity.ts";
import type { Pinned } from "./pinned.ts";
import { checkRender } from "./render.ts";
import {
  addBootToken,
  authorizeBootToken,
  deleteBootToken,
  listBootTokens,
  type BootTokenInfo,
} from "./boot-tokens.ts";
import {
  addJoinToken,
  authorizeRelay,
  deleteRelay,
  listRelays,
  redeemJoinToken,
  type RelayInfo,
} from "./relays.ts";
import { SITE_MIGRATIONS } from "./schema.ts";

/** An order to install, with all that it needs already resolved. */
export type ArmOrder = {
  readonly pinned: Pinned;
  readonly ttlSeconds: number;
  readonly retries: number;
  readonly supersede?: string;
  readonly idempotencyKey?: string;
};

/** What every answer to a relay carries beside its own value. */
export type ForRelay<T> = { readonly stateRevision: number; readonly value: T };

const HOUSEKEEPING_MS = 6 * 3_600_000;

/**
 * A site: its machines, attempts, relays and events. It stores; what happens is
 * decided in core/boot. Every method that decides runs in one SQLite
 * transaction without an await, which makes it the compare-and-set that an
 * install needs.
 */
export class SiteObject extends DurableObject<Env> {
  private readonly sql: SqlStorage;
  /** When the next alarm rings; `null`: not known since this object started. */
  private alarmAt: number | null = null;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.sql = context.storage.sql;
    migrate(context.storage, SITE_MIGRATIONS);
  }

  // --- The site itself ---------------------------------------------------

  configure(identity: SiteIdentity): void {
    this.transaction(() => {
      this.writeMeta("identity", JSON.stringify(identity));
      this.nextRevision();
    });
  }

  // --- Machines ------------------------------------------------------------

  putMachine(key: string, input: MachineInput): Result<{ machine: SiteMachine; created: boolean }> {
    return this.transaction(() => {
      const result = putMachine(this.sql, key, input, this.revision() + 1);
      if (result.ok) this.nextRevision();
      return result;
    });
  }

  getMachine(key: string): Result<SiteMachine> {
    const machine = findMachine(this.sql, key);
    return machine === null ? fail("not-found", `no machine "${key}" at this site`) : ok(machine);
  }

  listMachines(after: string, limit: number): SiteMachine[] {
    return listMachines(this.sql, after, limit);
  }

  deleteMachine(key: string): Result<null> {
    return this.transaction(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return fail("not-found", `no machine "${key}" at this site`);
      const active = findActiveAttempt(this.sql, machine.id);
      if (active !== null)
        return fail(
          "attempt-active",
          `attempt ${active.attempt.id} is ${active.attempt.state}; disarm it first`,
        );
      deleteMachine(this.sql, machine.id, this.nextRevision());
      return ok(null);
    });
  }

  // --- Attempts --------------------------------------------------------------

  arm(key: string, order: ArmOrder): Result<{ attempt: Attempt; created: boolean }> {
    const now = Date.now();
    return this.transaction(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return fail("not-found", `no machine "${key}" at this site`);

      const idempotencyKey =
        order.idempotencyKey === undefined ? undefined : `${machine.id} ${order.idempotencyKey}`;
      const earlier = idempotencyKey === undefined ? null : findIdempotent(this.sql, idempotencyKey);
      const known = earlier === null ? null : findAttempt(this.sql, earlier);
      if (known !== null) return ok({ attempt: known.attempt, created: false });

      const { document, name, revision } = order.pinned.profile;
      if (document.mode !== "install") {
        return fail("invalid", `profile "${name}" installs nothing: its mode is "${document.mode}"`, [
          { field: "profile", message: `mode is "${document.mode}", arm takes "install"` },
        ]);
      }
      if (machine.macs.length === 0) {
        return fail("invalid", `"${machine.name}" has no MAC yet, so it could not be recognised`);
      }
      const problems = checkRender({ machine, site: this.identity(), pinned: order.pinned });
      if (problems.length > 0)
        return fail("invalid", `profile "${name}" does not render for "${machine.name}"`, problems);

      const id = mintId();
      const active = this.passTime(findActiveAttempt(this.sql, machine.id)?.attempt ?? null, now);
      if (active !== null && isActive(active)) {
        if (order.supersede !== active.id) {
          return fail(
            "attempt-active",
            `attempt ${active.id} is ${active.state}; name it in "supersede" to replace it`,
          );
        }
        saveAttempt(this.sql, advance(active, { type: "supersede", by: id }, now).attempt);
        this.note(active, "superseded", { by: id }, now);
      } else if (order.supersede !== undefined) {
        return fail("conflict", `attempt "${order.supersede}" is not this machine's active attempt`, [
          { field: "supersede", message: "names no active attempt of this machine" },
        ]);
      }

      const attempt = createAttempt({
        id,
        machineId: machine.id,
        profile: name,
        profileRevision: revision,
        now,
        ttlMs: order.ttlSeconds * 1_000,
        installDeadlineMs: (document.installDeadlineSeconds ?? 14_400) * 1_000,
        retries: order.retries,
      });
      insertAttempt(this.sql, attempt, order.pinned);
      if (idempotencyKey !== undefined) noteIdempotent(this.sql, idempotencyKey, id, now);
      this.note(attempt, "armed", { profile: `${name}@${revision}` }, now);
      this.nextRevision();
      return ok({ attempt, created: true });
    });
  }

  disarm(key: string): Result<Attempt> {
    const now = Date.now();
    return this.transaction(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return fail("not-found", `no machine "${key}" at this site`);
      const active = findActiveAttempt(this.sql, machine.id);
      if (active === null) return fail("conflict", `"${machine.name}" has no active attempt`);
      const { kind, attempt } = advance(active.attempt, { type: "disarm" }, now);
      if (kind === "moved") {
        saveAttempt(this.sql, attempt);
        this.note(attempt, "disarmed", { state: attempt.state }, now);
        this.nextRevision();
      }
      return ok(attempt);
    });
  }

  listAttempts(key: string, limit: number): Result<Attempt[]> {
    const machine = findMachine(this.sql, key);
    if (machine === null) return fail("not-found", `no machine "${key}" at this site`);
    return ok(listAttempts(this.sql, machine.id, limit));
  }

  // --- Events ------------------------------------------------------------------

  listEvents(after: number, limit: number): StoredEvent[] {
    return listEvents(this.sql, { after, limit });
  }

  timeline(key: string, after: number, limit: number): Result<StoredEvent[]> {
    const machine = findMachine(this.sql, key);
    if (machine === null) return fail("not-found", `no machine "${key}" at this site`);
    return ok(listEvents(this.sql, { after, limit, machineId: machine.id }));
  }

  // --- Relays ------------------------------------------------------------------

  async createJoinToken(): Promise<{ token: string; expiresAt: string }> {
    const [id, secret] = [mintId(), mintSecret()];
    const hash = await hashSecret(secret);
    const expiresAt = addJoinToken(this.sql, id, hash, Date.now());
    return {
      token: formatSiteCredential("pxj", this.identity().id, id, secret),
      expiresAt: new Date(expiresAt).toISOString(),
    };
  }

  async joinRelay(
    token: SiteCredential,
  ): Promise<Result<{ siteId: string; siteName: string; relayId: string; credential: string }>> {
    const [id, secret] = [mintId(), mintSecret()];
    const hash = await hashSecret(secret);
    return this.transaction(() => {
      if (!redeemJoinToken(this.sql, token, { id, secretHash: hash }, Date.now())) {
        return fail("unauthorized", "the join token is unknown, used or expired; make a new one");
      }
      const site = this.identity();
      return ok({
        siteId: site.id,
        siteName: site.name,
        relayId: id,
        credential: formatSiteCredential("pxr", site.id, id, secret),
      });
    });
  }

  listRelays(): RelayInfo[] {
    return listRelays(this.sql);
  }

  deleteRelay(id: string): Result<null> {
    return deleteRelay(this.sql, id) ? ok(null) : fail("not-found", `no relay "${id}" at this site`);
  }

  // --- Boot tokens: machines without a relay ----------------------------------------

  async createBootToken(description: string): Promise<BootTokenInfo & { token: string }> {
    const [id, secret] = [mintId(), mintSecret()];
    const secretHash = await hashSecret(secret);
    return {
      ...addBootToken(this.sql, { id, secretHash, description }, Date.now()),
      token: formatSiteCredential("pxb", this.identity().id, id, secret),
    };
  }

  listBootTokens(): BootTokenInfo[] {
    return listBootTokens(this.sql);
  }

  deleteBootToken(id: string): Result<null> {
    return deleteBootToken(this.sql, id) ? ok(null) : fail("not-found", `no boot token "${id}" at this site`);
  }

  // --- What a relay asks --------------------------------------------------------

  relayState(relay: SiteCredential, after: number | null): Result<ForRelay<Omit<RelayState, "imageKeys">>> {
    return this.forRelay(relay, () => {
      const site = this.identity();
      const full = after === null || after > this.revision();
      const { changed, removed } = machinesSince(this.sql, full ? 0 : after);
      return {
        revision: this.revision(),
        full,
        site: {
          id: site.id,
          name: site.name,
          bootWaitSeconds: site.bootWaitSeconds,
          ...(site.bootFiles && { bootFiles: site.bootFiles }),
        },
        machines: changed.map(({ profile: _profile, variables: _variables, ...machine }) => machine),
        removed: full ? [] : removed,
        prefetch: prefetchOf(activePins(this.sql)),
      };
    });
  }

  recordEvents(relay: SiteCredential, events: ReportedEvent[]): Result<ForRelay<null>> {
    return this.forRelay(relay, (now) => {
      for (const event of events)
        recordEvent(this.sql, event as Parameters<typeof recordEvent>[1], relay.id, now);
      return null;
    });
  }

  // --- What machines ask, through a relay or with a boot token ------------------------

  /** For what needs no more than to know that the credential is the site's. */
  authorize(client: SiteCredential): Result<ForRelay<null>> {
    return this.forClient(client, () => null);
  }

  /** For a machine without a relay, which would else serve stage one. */
  openStageOne(client: SiteCredential): Result<ForRelay<{ bootWaitSeconds: number | null }>> {
    return this.forClient(client, () => ({ bootWaitSeconds: this.identity().bootWaitSeconds }));
  }

  async openScript(client: SiteCredential, request: ScriptRequest) {
    // Minted before the transaction: hashing awaits, and the transaction must not.
    const secret = mintSecret();
    const secretHash = await hashSecret(secret);
    const direct = isDirect(client);
    return this.forClient(client, (now) =>
      openScript(this.sql, { site: this.identity(), direct, secret, secretHash, now }, request),
    );
  }

  openAnswer(client: SiteCredential, request: AnswerRequest) {
    const direct = isDirect(client);
    return this.forClient(client, (now) =>
      openAnswer(this.sql, { site: this.identity(), direct, now }, request),
    );
  }

  takeCallback(client: SiteCredential, request: CallbackRequest) {
    return this.forClient(client, (now) => takeCallback(this.sql, now, request));
  }

  // --- Time --------------------------------------------------------------------

  /** Idempotent: what is due is found by its deadline, however late or often this runs. */
  override alarm(): void {
    const now = Date.now();
    this.transaction(() => {
      for (const attempt of attemptsDue(this.sql, now)) this.passTime(attempt, now);
      pruneEvents(this.sql, now);
    });
    this.alarmAt = null;
    this.scheduleAlarm(now);
  }

  private scheduleAlarm(now: number): void {
    const at = Math.min(earliestDeadline(this.sql) ?? Infinity, now + HOUSEKEEPING_MS);
    if (this.alarmAt !== null && this.alarmAt <= at) return;
    this.alarmAt = at;
    // Durable with this transaction's writes; a failure resets the object.
    void this.ctx.storage.setAlarm(at);
  }

  /** Stores what time alone made of an attempt. */
  private passTime(attempt: Attempt | null, now: number): Attempt | null {
    if (attempt === null) return null;
    const transition = advance(attempt, { type: "tick" }, now);
    if (transition.kind === "moved") {
      saveAttempt(this.sql, transition.attempt);
      const name = transition.attempt.state === "stalled" ? "stalled" : "expired";
      this.note(transition.attempt, name, {}, now);
    }
    return transition.attempt;
  }

  // --- Plumbing ----------------------------------------------------------------

  private transaction<T>(body: () => T): T {
    const result = this.ctx.storage.transactionSync(body);
    this.scheduleAlarm(Date.now());
    return result;
  }

  private forRelay<T>(relay: SiteCredential, body: (now: number) => T): Result<ForRelay<T>> {
    if (relay.prefix !== "pxr") return fail("unauthorized", "only a relay may ask this");
    return this.forClient(relay, body);
  }

  private forClient<T>(client: SiteCredential, body: (now: number) => T): Result<ForRelay<T>> {
    const now = Date.now();
    const authorizeClient = isDirect(client) ? authorizeBootToken : authorizeRelay;
    return this.transaction(() => {
      if (!authorizeClient(this.sql, client, now)) {
        return fail("unauthorized", "the relay's credential is unknown or revoked");
      }
      const value = body(now);
      return ok({ stateRevision: this.revision(), value });
    });
  }

  private note(
    attempt: Attempt,
    name: "armed" | "disarmed" | "superseded" | "expired" | "stalled",
    detail: EventDetail,
    now: number,
  ): void {
    const mac = findMachine(this.sql, attempt.machineId)?.macs[0] ?? null;
    recordOwnEvent(this.sql, { mac, attempt: attempt.id, stage: "decision", name, detail }, now);
  }

  private identity(): SiteIdentity {
    const text = this.readMeta("identity");
    if (text === null) throw new Error("this site was never configured");
    return JSON.parse(text) as SiteIdentity;
  }

  private revision(): number {
    return Number(this.readMeta("revision") ?? "0");
  }

  private nextRevision(): number {
    const revision = this.revision() + 1;
    this.writeMeta("revision", String(revision));
    return revision;
  }

  private readMeta(key: string): string | null {
    return (
      this.sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = ?", key).toArray()[0]?.value ??
      null
    );
  }

  private writeMeta(key: string, value: string): void {
    this.sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value);
  }
}

function isDirect(client: SiteCredential): boolean {
  return client.prefix === "pxb";
}

function prefetchOf(pins: readonly Pinned[]): PrefetchFile[] {
  const files = new Map<string, PrefetchFile>();
  for (const { image } of pins) {
    if (image === null) continue;
    for (const [path, file] of Object.entries(image.files)) {
      files.set(`${image.revision}/${path}`, { image: image.name, revision: image.revision, path, ...file });
    }
  }
  return [...files.values()];
}
