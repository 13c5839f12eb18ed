import { DurableObject } from "cloudflare:workers";
import { advance } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { PrefetchFile, RelayMachine, RelayState } from "../../core/relay-protocol/state.ts";
import { formatSiteCredential, mintId, mintSecret, hashSecret, type SiteCredential } from "../credentials.ts";
import type { Env } from "../env.ts";
import { migrate } from "../migrate.ts";
import { checkPrecondition, UNCONDITIONAL, type Precondition } from "../precondition.ts";
import { fail, ok, type FieldError, type Problem, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import { siteSettingsSchema, type MachineBatch, type MachineInput, type ReportedEvent } from "../schemas.ts";
import { openSecrets } from "../secret-box.ts";
import {
  activePins,
  attemptsDue,
  earliestDeadline,
  findActiveAttempt,
  findByCapability,
  findIdempotent,
  listAttempts,
  saveAttempt,
} from "./attempts.ts";
import { openAnswer, openScript, takeCallback } from "./boot.ts";
import type { AnswerRequest, CallbackRequest, ScriptRequest } from "./boot.ts";
import { listDiscovered, type DiscoveredMachine } from "./discovered.ts";
import { listEvents, pruneEvents, recordEvent, type StoredEvent } from "./events.ts";
import {
  countMachines,
  deleteMachine,
  findMachine,
  listMachines,
  machinesSince,
  noMachine,
  patchMachine,
  putMachine,
  tagMachine,
  type MachineQuery,
  type SiteMachine,
  type TaggedMachine,
} from "./machines.ts";
import type { SiteIdentity } from "./identity.ts";
import { arm, noteOrder, passTime, type ArmOrder } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { previewBoot, type BootPreview } from "./preview.ts";
import { sealedSecretsOf } from "./render.ts";
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
import { namesTree, signTree } from "../tree-url.ts";

/** What every answer to a relay carries beside its own value. */
export type ForRelay<T> = { readonly stateRevision: number; readonly value: T };

/** Machines that an order for several arms: those named, or those that have all the labels. */
export type ArmTarget =
  | { readonly ids: readonly string[]; readonly labels?: undefined }
  | { readonly labels: Readonly<Record<string, string>> };

/** What the Idempotency-Key of an order for several machines belongs to. */
const SITE_SCOPE = "*";
const MAX_ARMED_AT_ONCE = 1_000;
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

  /** Takes the site's document; the same one changes nothing. */
  configure(identity: SiteIdentity): void {
    this.transaction(() => {
      const text = canonicalJson(identity);
      if (text === this.readMeta("identity")) return;
      this.writeMeta("identity", text);
      this.nextRevision();
    });
  }

  /** Ends the site: it takes no more machines, and its relays' credentials are good no more. */
  close(): Result<null> {
    return this.transaction(() => {
      const machines = countMachines(this.sql);
      if (machines > 0) return fail("conflict", `the site still has ${machines} machines; delete them first`);
      for (const table of ["meta", "relays", "join_tokens", "boot_tokens"]) {
        this.sql.exec(`DELETE FROM ${table}`);
      }
      return ok(null);
    });
  }

  // --- Machines ------------------------------------------------------------

  putMachine(
    key: string,
    input: MachineInput,
    precondition: Precondition,
  ): Result<TaggedMachine & { created: boolean; changed: boolean }> {
    return this.changeMachine((revision) => putMachine(this.sql, key, input, { revision, precondition }));
  }

  patchMachine(
    key: string,
    patch: Record<string, unknown>,
    precondition: Precondition,
  ): Result<TaggedMachine & { created: boolean; changed: boolean }> {
    return this.changeMachine((revision) => patchMachine(this.sql, key, patch, { revision, precondition }));
  }

  getMachine(key: string): Result<TaggedMachine> {
    const machine = findMachine(this.sql, key);
    return machine === null ? noMachine(key) : ok(tagMachine(this.sql, machine));
  }

  listMachines(query: MachineQuery): SiteMachine[] {
    return listMachines(this.sql, query);
  }

  deleteMachine(key: string, precondition: Precondition): Result<null> {
    return this.transaction(() => this.removeMachine(key, precondition));
  }

  /** Puts and deletes machines, all of them or none. */
  changeMachines(batch: MachineBatch): Result<{ put: SiteMachine[]; deleted: number }> {
    return this.wholly(() => {
      const errors: FieldError[] = [];
      const collect = <T>(field: string, result: Result<T>): T | undefined => {
        if (result.ok) return result.value;
        const { detail, errors: fields } = result.problem;
        errors.push(
          ...(fields?.map((error) => ({ ...error, field: `${field}.${error.field}` })) ?? [
            { field, message: detail },
          ]),
        );
        return undefined;
      };
      // Names and addresses that go may be taken by those that come.
      for (const [i, key] of batch.delete.entries()) {
        collect(`delete[${i}]`, this.removeMachine(key, UNCONDITIONAL));
      }
      const put = batch.put.flatMap(({ id, ...input }, i) => {
        const change = (revision: number) =>
          putMachine(this.sql, id, input, { revision, precondition: UNCONDITIONAL });
        return collect(`put[${i}]`, this.putWith(change))?.machine ?? [];
      });
      if (errors.length > 0) return fail("invalid", "nothing was changed", errors);
      return ok({ put, deleted: batch.delete.length });
    });
  }

  listDiscovered(after: string, limit: number): DiscoveredMachine[] {
    return listDiscovered(this.sql, after, limit);
  }

  // --- Attempts --------------------------------------------------------------

  /**
   * What an earlier order with this Idempotency-Key made; none where there was
   * none. Asked before anything is resolved, which may fail by now.
   *
   * @param machine of an order for one machine; `null`: of one for several
   */
  repeatedOrder(machine: string | null, idempotencyKey: string): Attempt[] {
    const scope = machine === null ? SITE_SCOPE : (findMachine(this.sql, machine)?.id ?? machine);
    return findIdempotent(this.sql, `${scope} ${idempotencyKey}`);
  }

  /** Arms one machine. */
  async arm(key: string, order: ArmOrder): Promise<Result<{ attempt: Attempt; created: boolean }>> {
    const secrets = await openSecrets(this.env.SECRET_KEYS, order.pinned.secrets ?? {});
    return this.wholly(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return noMachine(key);
      const armed = this.armMachines([machine], machine.id, order, secrets);
      return armed.ok ? ok({ attempt: armed.value.attempts[0]!, created: armed.value.created }) : armed;
    });
  }

  /** Arms several machines, all of them or none. */
  async armMany(
    target: ArmTarget,
    order: ArmOrder,
  ): Promise<Result<{ attempts: Attempt[]; created: boolean }>> {
    const secrets = await openSecrets(this.env.SECRET_KEYS, order.pinned.secrets ?? {});
    return this.wholly(() => {
      const machines = this.machinesOf(target);
      return machines.ok ? this.armMachines(machines.value, SITE_SCOPE, order, secrets) : machines;
    });
  }

  disarm(key: string): Result<Attempt> {
    const now = Date.now();
    return this.transaction(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return noMachine(key);
      const active = findActiveAttempt(this.sql, machine.id);
      if (active === null) return fail("conflict", `"${machine.name}" has no active attempt`);
      const { kind, attempt } = advance(active.attempt, { type: "disarm" }, now);
      if (kind === "moved") {
        saveAttempt(this.sql, attempt);
        noteOrder(this.sql, attempt, "disarmed", { state: attempt.state }, now);
        this.nextRevision();
      }
      return ok(attempt);
    });
  }

  listAttempts(key: string, page: { after: string; limit: number }): Result<Attempt[]> {
    const machine = findMachine(this.sql, key);
    return machine === null ? noMachine(key) : ok(listAttempts(this.sql, machine.id, page));
  }

  /**
   * What a machine would be served: what its active attempt holds, else
   * `pinned`; `null` where there is neither.
   */
  preview(key: string, pinned: Pinned | null): Result<BootPreview | null> {
    const machine = findMachine(this.sql, key);
    if (machine === null) return noMachine(key);
    if (machine.macs.length === 0) return fail("invalid", `"${machine.name}" has no MAC yet`);
    const active = pinned === null ? findActiveAttempt(this.sql, machine.id) : null;
    const shown = pinned ?? active?.pinned ?? null;
    if (shown === null) return ok(null);
    const attempt = active?.attempt.id ?? null;
    return ok(previewBoot({ machine, site: this.identity(), pinned: shown, attempt }));
  }

  // --- Events ------------------------------------------------------------------

  listEvents(after: number, limit: number): StoredEvent[] {
    return listEvents(this.sql, { after, limit });
  }

  timeline(key: string, after: number, limit: number): Result<StoredEvent[]> {
    const machine = findMachine(this.sql, key);
    if (machine === null) return noMachine(key);
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
        machines: changed.map(toRelayMachine),
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

  async openAnswer(client: SiteCredential, request: AnswerRequest) {
    const direct = isDirect(client);
    // Before the transaction, as decrypting awaits; what a capability's attempt holds never changes.
    const found = findByCapability(this.sql, request.secretHash);
    const sealed = found === null ? {} : sealedSecretsOf(found.pinned, request.file);
    const secrets = await openSecrets(this.env.SECRET_KEYS, sealed);
    const treePath = found === null ? undefined : await this.treePathOf(found, request.file);
    return this.forClient(client, (now) =>
      openAnswer(this.sql, { site: this.identity(), direct, secrets, treePath, now }, request),
    );
  }

  takeCallback(client: SiteCredential, request: CallbackRequest) {
    return this.forClient(client, (now) => takeCallback(this.sql, now, request));
  }

  /** A grant on the image, where the answer names it, until the attempt's last instant. */
  private async treePathOf(
    { attempt, pinned }: { attempt: Attempt; pinned: Pinned },
    file: string,
  ): Promise<string | undefined> {
    const answers = pinned.profile.document.answers ?? {};
    const template = Object.hasOwn(answers, file) ? answers[file]!.template : undefined;
    if (template === undefined || pinned.image === null) return undefined;
    if (!namesTree(pinned.templates[template]?.text)) return undefined;
    const until = attempt.expiresAt + attempt.installDeadlineMs;
    return await signTree(this.env.IMAGE_KEYS, this.identity().id, pinned.image, until);
  }

  // --- Time --------------------------------------------------------------------

  /** Idempotent: what is due is found by its deadline, however late or often this runs. */
  override alarm(): void {
    const now = Date.now();
    this.transaction(() => {
      for (const attempt of attemptsDue(this.sql, now)) passTime(this.sql, attempt, now);
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

  // --- Plumbing ----------------------------------------------------------------

  private transaction<T>(body: () => T): T {
    const result = this.ctx.storage.transactionSync(body);
    this.scheduleAlarm(Date.now());
    return result;
  }

  /** A transaction that is undone where its outcome is a failure. */
  private wholly<T>(body: () => Result<T>): Result<T> {
    try {
      return this.transaction(() => {
        const result = body();
        if (!result.ok) throw new Undo(result);
        return result;
      });
    } catch (error) {
      if (error instanceof Undo) return error.result;
      throw error;
    }
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

  private changeMachine<T extends { changed: boolean }>(change: (revision: number) => Result<T>): Result<T> {
    return this.transaction(() => this.putWith(change));
  }

  /** A change that makes a new state revision only where it changed something. */
  private putWith<T extends { changed: boolean }>(change: (revision: number) => Result<T>): Result<T> {
    if (this.readMeta("identity") === null) return fail("not-found", "the site is gone");
    const result = change(this.revision() + 1);
    if (result.ok && result.value.changed) this.nextRevision();
    return result;
  }

  private removeMachine(key: string, precondition: Precondition): Result<null> {
    const machine = findMachine(this.sql, key);
    if (machine === null) return noMachine(key);
    const allowed = checkPrecondition(precondition, tagMachine(this.sql, machine).etag);
    if (!allowed.ok) return allowed;
    const active = findActiveAttempt(this.sql, machine.id)?.attempt;
    if (active !== undefined) {
      return fail("attempt-active", `attempt ${active.id} is ${active.state}; disarm it first`);
    }
    deleteMachine(this.sql, machine.id, this.nextRevision());
    return ok(null);
  }

  private machinesOf(target: ArmTarget): Result<SiteMachine[]> {
    if (target.labels !== undefined) {
      const machines = listMachines(this.sql, {
        after: "",
        limit: MAX_ARMED_AT_ONCE + 1,
        labels: target.labels,
      });
      if (machines.length > 0 && machines.length <= MAX_ARMED_AT_ONCE) return ok(machines);
      const message =
        machines.length === 0 ? "no machine has these labels" : `more than ${MAX_ARMED_AT_ONCE} machines`;
      return fail("invalid", message, [{ field: "selector", message }]);
    }
    const machines = new Map<string, SiteMachine>();
    const errors: FieldError[] = [];
    for (const [i, key] of target.ids.entries()) {
      const machine = findMachine(this.sql, key);
      if (machine === null) errors.push({ field: `ids[${i}]`, message: `no machine "${key}" at this site` });
      else machines.set(machine.id, machine);
    }
    if (errors.length > 0) return fail("invalid", errors.map(({ message }) => message).join("; "), errors);
    return ok([...machines.values()]);
  }

  private armMachines(
    machines: readonly SiteMachine[],
    scope: string,
    order: ArmOrder,
    secrets: Readonly<Record<string, string>>,
  ): Result<{ attempts: Attempt[]; created: boolean }> {
    const context = { site: this.identity(), secrets, now: Date.now() };
    const result = arm(this.sql, context, { machines, scope }, order);
    if (result.ok && result.value.created) this.nextRevision();
    return result;
  }

  private identity(): SiteIdentity {
    const text = this.readMeta("identity");
    if (text === null) throw new Error("this site was never configured");
    const { id, name, ...settings } = JSON.parse(text) as SiteIdentity;
    // A document that was stored before a member existed has its default.
    return { ...siteSettingsSchema.parse(settings), id, name };
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

/** Leaves a transaction without its writes. */
class Undo extends Error {
  readonly result: { ok: false; problem: Problem };
  constructor(result: { ok: false; problem: Problem }) {
    super("undone");
    this.result = result;
  }
}

function toRelayMachine(machine: SiteMachine): RelayMachine {
  const { profile: _, variables: _v, labels: _l, protected: _p, ...rest } = machine;
  return rest;
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
