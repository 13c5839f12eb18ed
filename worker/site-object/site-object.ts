import { DurableObject } from "cloudflare:workers";
import type { Attempt, PlainProfile, Profile } from "../../core/boot/model.ts";
import { mintCredential, mintSecret, type SiteCredential } from "../credentials.ts";
import { hashSecret } from "../../core/sign/hash-secret.ts";
import type { ProfileNotice } from "../control-object/notices.ts";
import { controlObject, type Env } from "../env.ts";
import { migrate } from "../migrate.ts";
import type { Precondition } from "../precondition.ts";
import { ok, type Result } from "../problem.ts";
import type { ReportedEvent } from "../schemas/events.ts";
import type { MachineBatch, MachineInput } from "../schemas/machine.ts";
import type { AnswerRequest } from "./answer-request.ts";
import { findOpened, openAnswer, prepareAnswer } from "./answers.ts";
import { machinesOfTarget, type ArmTarget } from "./arm-target.ts";
import { attemptsDue, listAttempts } from "./attempts.ts";
import { createBootToken, deleteBootToken, listBootTokens, type BootTokenInfo } from "./boot-tokens.ts";
import {
  isJournalledCallback,
  takeCallback,
  takeJournalledCallback,
  type CallbackRequest,
} from "./callbacks.ts";
import { forClient, forRelay, isDirect } from "./clients.ts";
import { listDiscovered, type DiscoveredMachine } from "./discovered.ts";
import { listEvents, pruneEvents, recordEvent, type StoredEvent } from "./events.ts";
import { findFixedAnswers, openFixedAnswer, type FixedAnswerRequest } from "./fixed-answers.ts";
import { repeatedOrder, type IdempotencyKey } from "./idempotency.ts";
import type { SiteIdentity } from "./identity.ts";
import { pruneLiveBoots } from "./live-boots.ts";
import { changeMachines, type ChangedMachines } from "./machine-batch.ts";
import { changeMachine, removeMachine } from "./machine-changes.ts";
import { patchMachine, putMachine } from "./machine-puts.ts";
import {
  findMachine,
  findTaggedMachine,
  listMachines,
  noMachine,
  type MachineQuery,
  type SiteMachine,
  type TaggedMachine,
} from "./machines.ts";
import { closeSite, configureSite, siteIdentity } from "./meta.ts";
import { arm, disarm, passTime, SITE_SCOPE, type ArmOrder } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { collectPins, hashPins } from "./pins.ts";
import { previewMachine, previewPlan } from "./preview.ts";
import { beginProfileSync, endProfileSync, type ProfileSync } from "./profile-sync.ts";
import { machinesBootingBy, profilesInUse, takeProfiles } from "./profiles.ts";
import { relayState } from "./relay-state.ts";
import { createJoinToken, deleteRelay, getRelay, joinRelay, listRelays, type RelayInfo } from "./relays.ts";
import { openPinnedSecrets } from "./render.ts";
import { RevisionReader } from "./revision-reader.ts";
import { SITE_MIGRATIONS } from "./schema.ts";
import { noteRefusedScript, openScript, type RefusedScript, type ScriptRequest } from "./scripts.ts";
import { SiteTransactions } from "./transactions.ts";
import { readUnarmed } from "./unarmed.ts";

/**
 * A site: its machines, attempts, relays and events. It stores; what happens is
 * decided in core/boot. This class is what others may call: each method that
 * changes something is one transaction, its body in the module of its concern.
 */
export class SiteObject extends DurableObject<Env> {
  private readonly sql: SqlStorage;
  private readonly transactions: SiteTransactions;
  private readonly revisions: RevisionReader;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.sql = context.storage.sql;
    migrate(context.storage, SITE_MIGRATIONS);
    this.transactions = new SiteTransactions(context.storage);
    this.revisions = new RevisionReader(env.REVISIONS);
  }

  // --- The site itself, and the profiles that it uses ---------------------------

  async configure(identity: SiteIdentity): Promise<void> {
    await this.telling(() => this.transactions.run(() => configureSite(this.sql, identity)));
  }

  close(): Result<null> {
    return this.transactions.run(() => closeSite(this.sql));
  }

  /** Takes what the site's profiles stand for; the ControlObject tells. */
  takeProfiles(notice: ProfileNotice): void {
    this.transactions.run(() => takeProfiles(this.sql, notice));
  }

  // --- Machines ------------------------------------------------------------

  async putMachine(key: string, input: MachineInput, precondition: Precondition) {
    const change = (revision: number) => putMachine(this.sql, key, input, { revision, precondition });
    return await this.telling(() => this.transactions.run(() => changeMachine(this.sql, change)));
  }

  async patchMachine(key: string, patch: Record<string, unknown>, precondition: Precondition) {
    const change = (revision: number) => patchMachine(this.sql, key, patch, { revision, precondition });
    return await this.telling(() => this.transactions.run(() => changeMachine(this.sql, change)));
  }

  getMachine(key: string): Result<TaggedMachine> {
    const found = findTaggedMachine(this.sql, key);
    return found === null ? noMachine(key) : ok(found);
  }

  listMachines(query: MachineQuery): SiteMachine[] {
    return listMachines(this.sql, query);
  }

  /** Machines that boot by one of the profiles, with their site; `null` where the site is closed. */
  machinesBootingBy(
    names: string[],
    page: { after: string; limit: number },
  ): { site: SiteIdentity; machines: SiteMachine[] } | null {
    return machinesBootingBy(this.sql, names, page);
  }

  async deleteMachine(key: string, precondition: Precondition): Promise<Result<null>> {
    const change = () => removeMachine(this.sql, key, precondition, Date.now());
    return await this.telling(() => this.transactions.run(change));
  }

  /** Puts and deletes machines, all of them or none. */
  async changeMachines(batch: MachineBatch): Promise<Result<ChangedMachines>> {
    const change = () => changeMachines(this.sql, batch, Date.now());
    return await this.telling(() => this.transactions.wholly(change, batch));
  }

  /** What a batch would make of a site that is yet to be made. Nothing is kept, whatever comes of it. */
  tryMachines(identity: SiteIdentity, batch: MachineBatch): Result<ChangedMachines> {
    const body = () => {
      configureSite(this.sql, identity);
      return changeMachines(this.sql, batch, Date.now());
    };
    return this.transactions.wholly(body, { dryRun: true });
  }

  listDiscovered(after: string, limit: number): DiscoveredMachine[] {
    return listDiscovered(this.sql, after, limit);
  }

  // --- Attempts --------------------------------------------------------------

  /**
   * Asked before anything is resolved, which may fail by now.
   *
   * @param machineId of an order for one machine; `null`: of one for several
   */
  repeatedOrder(machineId: string | null, idempotency: IdempotencyKey): Result<Attempt[]> {
    return repeatedOrder(this.sql, machineId ?? SITE_SCOPE, idempotency);
  }

  /** Arms one machine. */
  async arm(key: string, order: ArmOrder): Promise<Result<{ attempt: Attempt; created: boolean }>> {
    const inputs = await this.prepareOrder(order);
    if (!inputs.ok) return inputs;
    return this.transactions.wholly(() => {
      const machine = findMachine(this.sql, key);
      if (machine === null) return noMachine(key);
      const target = { machines: [machine], scope: machine.id };
      const armed = arm(this.sql, target, order, { ...inputs.value, now: Date.now() });
      return armed.ok ? ok({ attempt: armed.value.attempts[0]!, created: armed.value.created }) : armed;
    });
  }

  /** Arms several machines, all of them or none. */
  async armMany(
    target: ArmTarget,
    order: ArmOrder,
  ): Promise<Result<{ attempts: Attempt[]; created: boolean }>> {
    const inputs = await this.prepareOrder(order);
    if (!inputs.ok) return inputs;
    return this.transactions.wholly(() => {
      const machines = machinesOfTarget(this.sql, target);
      if (!machines.ok) return machines;
      const meant = { machines: machines.value, scope: SITE_SCOPE };
      return arm(this.sql, meant, order, { ...inputs.value, now: Date.now() });
    });
  }

  private async prepareOrder({ pinned }: ArmOrder) {
    const secrets = await openPinnedSecrets(this.env.SECRET_KEYS, pinned);
    return secrets.ok ? ok({ secrets: secrets.value, pins: await hashPins(pinned) }) : secrets;
  }

  disarm(key: string): Result<Attempt> {
    return this.transactions.run(() => disarm(this.sql, key, Date.now()));
  }

  listAttempts(key: string, page: { after: string; limit: number }): Result<Attempt[]> {
    const machine = findMachine(this.sql, key);
    return machine === null ? noMachine(key) : ok(listAttempts(this.sql, machine.id, page));
  }

  preview(key: string, pinned: Pinned | null) {
    return previewMachine(this.sql, key, pinned);
  }

  /** As `preview`, of a profile that starts no kernel by itself. */
  previewPlan(
    key: string,
    profile: { name: string; document: PlainProfile },
    modes: Readonly<Record<string, Profile["mode"]>>,
  ) {
    return previewPlan(this.sql, key, profile, modes);
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

  async createJoinToken() {
    return createJoinToken(this.sql, await mintCredential(), Date.now());
  }

  async joinRelay(token: SiteCredential) {
    const relay = await mintCredential();
    return this.transactions.run(() => joinRelay(this.sql, token, relay, Date.now()));
  }

  listRelays(): RelayInfo[] {
    return listRelays(this.sql);
  }

  getRelay(id: string): Result<RelayInfo> {
    return getRelay(this.sql, id);
  }

  deleteRelay(id: string): Result<null> {
    return deleteRelay(this.sql, id);
  }

  // --- Boot tokens: machines without a relay ----------------------------------------

  async createBootToken(description: string) {
    return createBootToken(this.sql, await mintCredential(), description, Date.now());
  }

  listBootTokens(): BootTokenInfo[] {
    return listBootTokens(this.sql);
  }

  deleteBootToken(id: string): Result<null> {
    return deleteBootToken(this.sql, id);
  }

  // --- What a relay asks --------------------------------------------------------

  relayState(relay: SiteCredential, after: number | null) {
    return forRelay(this.transactions, relay, () => relayState(this.sql, after));
  }

  recordEvents(relay: SiteCredential, events: ReportedEvent[]) {
    return forRelay(this.transactions, relay, (now) => {
      for (const event of events) {
        if (isJournalledCallback(event)) takeJournalledCallback(this.sql, now, event);
        else recordEvent(this.sql, event as Parameters<typeof recordEvent>[1], relay.id, now);
      }
      return null;
    });
  }

  // --- What machines ask, through a relay or with a boot token ------------------------

  /** For what needs no more than to know that the credential is the site's. */
  authorize(client: SiteCredential) {
    return forClient(this.transactions, client, () => null);
  }

  /** For a machine without a relay, which would else serve stage one. */
  openStageOne(client: SiteCredential) {
    return forClient(this.transactions, client, () => ({
      bootWaitSeconds: siteIdentity(this.sql).bootWaitSeconds,
    }));
  }

  async openScript(client: SiteCredential, request: ScriptRequest) {
    // Minted before the transaction: hashing awaits, and the transaction must not.
    const secret = mintSecret();
    const secretHash = await hashSecret(secret);
    const direct = isDirect(client);
    const { mac, item } = request;
    const choice = item && { item: item.key, tokenHash: await hashSecret(item.menu) };
    const reading = { sql: this.sql, read: this.revisions.read, secretKeys: this.env.SECRET_KEYS };
    const unarmed = await readUnarmed(reading, mac, choice);
    return forClient(this.transactions, client, (now) =>
      openScript(this.sql, { direct, secret, secretHash, choice, unarmed, now }, request),
    );
  }

  noteRefusedScript(client: SiteCredential, refused: RefusedScript) {
    return forClient(this.transactions, client, (now) => noteRefusedScript(this.sql, now, refused));
  }

  async openAnswer(client: SiteCredential, request: AnswerRequest) {
    const direct = isDirect(client);
    const opened = findOpened(this.sql, request.secretHash);
    const inputs = await prepareAnswer(this.sql, this.env, opened, request.file);
    return forClient(this.transactions, client, (now) =>
      openAnswer(this.sql, { direct, inputs, now }, request),
    );
  }

  async openFixedAnswer(client: SiteCredential, request: FixedAnswerRequest) {
    const direct = isDirect(client);
    const found = await findFixedAnswers(this.sql, this.env.IMAGE_KEYS, request.mac);
    const inputs = await prepareAnswer(this.sql, this.env, found, request.file);
    return forClient(this.transactions, client, (now) =>
      openFixedAnswer(this.sql, { direct, inputs, now }, request, found),
    );
  }

  takeCallback(client: SiteCredential, request: CallbackRequest) {
    return forClient(this.transactions, client, (now) => takeCallback(this.sql, now, request));
  }

  // --- Time --------------------------------------------------------------------

  /**
   * Idempotent: what is due is found by its deadline, however late or often this
   * runs; and a ControlObject that cannot be reached is tried again.
   */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const sync = this.transactions.onAlarm(() => {
      for (const attempt of attemptsDue(this.sql, now)) passTime(this.sql, attempt, now);
      pruneEvents(this.sql, now);
      pruneLiveBoots(this.sql, now);
      collectPins(this.sql);
      return beginProfileSync(this.sql, () => profilesInUse(this.sql), now);
    });
    if (sync !== null) await this.syncProfiles(sync);
  }

  /** A change to what profiles the site uses, which the ControlObject knows once it resolves. */
  private async telling<T>(change: () => T): Promise<T> {
    const result = change();
    const sync = this.transactions.run(() =>
      beginProfileSync(this.sql, () => profilesInUse(this.sql), Date.now()),
    );
    if (sync !== null) await this.syncProfiles(sync);
    return result;
  }

  /** Says which profiles the site uses, and takes what they stand for. */
  private async syncProfiles(sync: ProfileSync): Promise<void> {
    try {
      const { id } = siteIdentity(this.sql);
      const notice = await controlObject(this.env).useProfiles(id, [...sync.names]);
      this.transactions.run(() => {
        takeProfiles(this.sql, notice);
        endProfileSync(this.sql, sync);
      });
    } catch (error) {
      console.error(`the ControlObject could not be told of the profiles in use: ${String(error)}`);
    }
  }
}
