import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, type Command } from "commander";
import { ApiError, type Json } from "../api-client.ts";
import { colour, formatTable, printable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { collectPairs, collectVariables } from "./arguments.ts";
import { segment, siteCommand, withSession, type Session } from "./command.ts";
import { formatTimeline } from "./timeline.ts";

const WAIT_INTERVAL_MS = 2_000;
const ENDED = ["installed", "failed", "expired", "disarmed", "stalled"];

/** `pxedge machine …`. */
export function addMachineCommands(program: Command): void {
  const machine = program
    .command("machine")
    .description("the machines of a site, their installs and their boots");

  siteCommand(machine, "list", "list machines", [
    "machine list --site fra1",
    "machine list --selector rack=a1,role=db --json",
  ])
    .option("--selector <labels>", "key=value,key2=value2: machines with all of these labels")
    .option("--q <text>", "part of a name, address, serial, UUID or MAC")
    .action(
      withSession(async (session, _, { selector, q }) => {
        const query = new URLSearchParams({ ...(selector && { selector }), ...(q && { q }) });
        const items = await session.api.list(`${await machinesOf(session)}?${query.toString()}`);
        session.showList(
          items,
          [
            ["NAME", (item) => item.name],
            ["MACS", (item) => item.macs.join(" ")],
            ["ADDRESS", (item) => item.address],
            ["PROFILE", (item) => item.profile],
            ["LABELS", (item) => formatPairs(item.labels ?? {})],
          ],
          "no machines",
        );
      }),
    );

  siteCommand(machine, "show <machine>", "show a machine, by its name, id or any of its MACs", [
    "machine show web1",
    "machine show 52:54:00:12:34:56 --json",
  ]).action(
    withSession<[string]>(async (session, [id]) => {
      const path = `${await machinesOf(session)}/${segment(id)}`;
      const [document, { items: attempts }] = await Promise.all([
        session.api.request("GET", path),
        session.api.request("GET", `${path}/attempts?limit=5`),
      ]);
      session.show({ ...document, attempts }, () => formatMachine(document, attempts));
    }),
  );

  siteCommand(
    machine,
    "arm <machine>",
    "order an install: the next network boot wipes and installs the machine",
    ["machine arm web1 --profile debian-12", "machine arm web1 --wait"],
  )
    .option("--profile <name>", "the profile to install; the machine's own by default")
    .option("--ttl <seconds>", "how long the order stands", wholeNumber)
    .option("--retries <n>", "installs after one that reports its failure", wholeNumber)
    .option("--supersede <attempt>", "take the place of the attempt that is active")
    .option("--set <name=value>", "a variable for this install; may be repeated", collectVariables)
    .option(
      "--confirm <count>",
      "the number of machines that this arms, where the site asks for it",
      wholeNumber,
    )
    .option("--wait", "follow the install to its end: exit 0 only if it is installed")
    .action(
      withSession<[string]>(async (session, [id], options) => {
        const path = `${await machinesOf(session)}/${segment(id)}`;
        const order = {
          profile: options["profile"],
          ttlSeconds: options["ttl"],
          retries: options["retries"],
          supersede: options["supersede"],
          confirmCount: options["confirm"],
          variables: options["set"],
        };
        // Sent again after a lost answer, it is the same order.
        const headers = { "idempotency-key": randomUUID() };
        const attempt = await session.api
          .request("POST", `${path}/arm`, order, { headers })
          .catch(adviseFlags);
        if (!options["wait"]) {
          session.show(
            attempt,
            () => `armed: ${id} installs ${attempt.profile} when it boots next (attempt ${attempt.id})\n`,
          );
          return;
        }
        session.say(`armed: ${id} installs ${attempt.profile} when it boots next (attempt ${attempt.id})`);
        const end = await follow(session, path, attempt.id);
        session.show(end, () => "");
        if (end.state !== "installed") process.exitCode = 1;
      }),
    );

  siteCommand(machine, "disarm <machine>", "take an order back; after its commit, withdraw the answers", [
    "machine disarm web1",
  ]).action(
    withSession<[string]>(async (session, [id]) => {
      const attempt = await session.api.request("POST", `${await machinesOf(session)}/${segment(id)}/disarm`);
      session.show(attempt, () => `${id}: ${attempt?.state ?? "was not armed"}\n`);
    }),
  );

  siteCommand(machine, "preview <machine>", "show the script and the answers as they would be served", [
    "machine preview web1 --profile debian-12",
  ])
    .option("--profile <name>", "the profile; by default that of the active order, else the machine's own")
    .action(
      withSession<[string]>(async (session, [id], { profile }) => {
        const query = profile === undefined ? "" : `?profile=${segment(profile)}`;
        const path = `${await machinesOf(session)}/${segment(id)}/preview${query}`;
        const preview = await session.api.request("GET", path);
        session.show(preview, () => formatPreview(preview));
      }),
    );

  siteCommand(
    machine,
    "timeline <machine>",
    "tell a machine's boots as one story, and where the last one stopped",
    ["machine timeline web1", "machine timeline 52:54:00:12:34:56 --all"],
  )
    .option("--all", "from the first event on, not only since the last order")
    .action(
      withSession<[string]>(async (session, [id], { all }) => {
        const path = `${await machinesOf(session)}/${segment(id)}`;
        const [events, { items: attempts }] = await Promise.all([
          session.api.list(`${path}/timeline`),
          session.api.request("GET", `${path}/attempts?limit=1`),
        ]);
        const attempt = attempts[0] ?? null;
        const since = all || attempt === null ? "" : attempt.armedAt;
        // The relay's come later than the control plane's own, and know when they were.
        const shown = events
          .filter((event) => event.at >= since)
          .toSorted((a, b) => a.at.localeCompare(b.at));
        session.show({ attempt, events: shown }, () => formatTimeline(attempt, shown));
      }),
    );

  siteCommand(machine, "enroll [mac]", "register a machine that a relay saw; without a MAC, list them", [
    "machine enroll",
    "machine enroll 52:54:00:12:34:56 --name web1 --profile debian-12",
  ])
    .option("--name <name>", "what the machine shall be called")
    .option("--profile <name>", "the profile that `arm` takes")
    .option("--label <key=value>", "a label; may be repeated", collectPairs)
    .action(
      withSession<[string?]>(async (session, [mac], options) => {
        if (mac === undefined) return await listDiscovered(session);
        if (options["name"] === undefined)
          throw new UsageError("say by --name what the machine shall be called");
        await enroll(session, mac, options);
      }),
    );

  siteCommand(machine, "delete <machine>", "forget a machine; refused while an install is under way", [
    "machine delete web1",
  ]).action(
    withSession<[string]>(async (session, [id]) => {
      await session.api.request("DELETE", `${await machinesOf(session)}/${segment(id)}`);
      session.say(`deleted ${id}`);
    }),
  );
}

async function machinesOf(session: Session): Promise<string> {
  return `/sites/${await session.siteName()}/machines`;
}

/** What the API calls a member of the order is an option here. */
function adviseFlags(error: unknown): never {
  if (!(error instanceof ApiError)) throw error;
  const message = error.message
    .replaceAll('"supersede"', "--supersede")
    .replaceAll("confirmCount", "--confirm");
  throw new ApiError(error.status, error.problem, message, error.fields);
}

/** Shows each state that an attempt enters; resolves to the attempt at its end. */
async function follow(session: Session, path: string, attemptId: string): Promise<Json> {
  let shown = "";
  for (;;) {
    const { items } = await session.api.request("GET", `${path}/attempts`);
    const attempt = items.find(({ id }: { id: string }) => id === attemptId);
    if (attempt === undefined) throw new Error(`attempt ${attemptId} is gone; was the machine deleted?`);
    if (attempt.state !== shown) {
      shown = attempt.state;
      const why = attempt.reason === null ? "" : ` (${printable(attempt.reason)})`;
      session.say(`${new Date().toISOString()}  ${colourState(shown)}${why}`);
    }
    if (ENDED.includes(attempt.state)) return attempt;
    await sleep(WAIT_INTERVAL_MS);
  }
}

async function listDiscovered(session: Session): Promise<void> {
  const items = await session.api.list(`/sites/${await session.siteName()}/discovered`);
  session.showList(
    items,
    [
      ["MAC", (item) => item.mac],
      ["ADDRESS", (item) => item.ip],
      ["ARCH", (item) => item.arch],
      ["SERIAL", (item) => item.serial],
      ["LAST SEEN", (item) => item.lastSeenAt],
    ],
    "no unknown machine was seen; they are recorded where the site's policy is `discover`",
  );
}

async function enroll(session: Session, mac: string, options: Record<string, Json>): Promise<void> {
  const site = await session.siteName();
  const seen = (await session.api.list(`/sites/${site}/discovered`)).find(
    (item) => item.mac.replaceAll(/[:-]/g, "") === mac.toLowerCase().replaceAll(/[:-]/g, ""),
  );
  const document = {
    name: options["name"],
    macs: [mac],
    ...(seen?.uuid && { uuid: seen.uuid }),
    ...(seen?.serial && { serial: seen.serial }),
    ...(options["profile"] !== undefined && { profile: options["profile"] }),
    ...(options["label"] !== undefined && { labels: options["label"] }),
  };
  const path = `/sites/${site}/machines/${segment(options["name"])}`;
  const machine = await session.api.request("PUT", path, document, { headers: { "if-none-match": "*" } });
  session.show(
    machine,
    () => `enrolled ${machine.name} (${machine.macs.join(" ")}); it boots its own disk until it is armed\n`,
  );
}

function formatMachine(machine: Json, attempts: readonly Json[]): string {
  const facts: [string, string | undefined][] = [
    ["name", machine.name],
    ["id", machine.id],
    ["macs", machine.macs.join(" ")],
    ["uuid", machine.uuid],
    ["serial", machine.serial],
    ["address", machine.address],
    ["profile", machine.profile],
    ["labels", formatPairs(machine.labels ?? {}) || undefined],
    ["variables", formatPairs(machine.variables ?? {}) || undefined],
    ["protected", machine.protected ? "yes: arming needs --confirm 1" : undefined],
  ];
  const lines = facts
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(10)}  ${printable(value!)}\n`);
  const table = formatTable<Json>(
    [
      ["ATTEMPT", (attempt) => attempt.id],
      ["PROFILE", (attempt) => attempt.profile],
      ["ARMED", (attempt) => attempt.armedAt],
      ["STATE", (attempt) => attempt.state],
      ["REASON", (attempt) => attempt.reason],
    ],
    attempts,
  );
  return lines.join("") + (attempts.length === 0 ? "\nnever armed\n" : `\n${table}`);
}

function formatPreview(preview: Json): string {
  const parts = [`profile ${preview.profile.name}@${preview.profile.revision}`];
  if (preview.script !== null) parts.push(heading("script.ipxe"), preview.script);
  for (const [name, answer] of Object.entries<Json>(preview.answers)) {
    parts.push(heading(name), answer.text ?? "(cannot be rendered)");
    for (const problem of answer.problems ?? [])
      parts.push(colour("red", `${problem.field}: ${problem.message}`));
  }
  for (const problem of preview.problems) parts.push(colour("red", `${problem.field}: ${problem.message}`));
  return `${parts.join("\n")}\n`;
}

function heading(text: string): string {
  return colour("bold", `\n── ${text} ──`);
}

function formatPairs(pairs: Readonly<Record<string, unknown>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(",");
}

function colourState(state: string): string {
  if (state === "installed") return colour("green", state);
  return ENDED.includes(state) ? colour("red", state) : state;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
