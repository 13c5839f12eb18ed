import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ok, warning, type Finding } from "./finding.ts";

/** A port that machines reach the relay at. */
export type ServicePort = { readonly protocol: "udp" | "tcp"; readonly port: number };

/** What is read of nftables' JSON (libnftables-json(5)). */
type Item = {
  readonly chain?: { table: string; family: string; name: string; hook?: string; policy?: string };
  readonly rule?: { table: string; family: string; chain: string; expr: readonly Record<string, unknown>[] };
};

const run = promisify(execFile);

/**
 * Whether this host's own firewall lets machines in, as far as it can be told:
 * nftables' rules, which iptables' are as well, are read as root only.
 */
export async function checkFirewall(
  interfaces: readonly string[],
  ports: readonly ServicePort[],
): Promise<Finding[]> {
  const check = "firewall";
  let text: string;
  try {
    text = (await run("nft", ["-j", "list", "ruleset"])).stdout;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const detail = missing ? "cannot be told: there is no `nft` on this host" : "cannot be told without root";
    return [warning(check, detail, `make sure that it lets in ${formatPorts(ports)}`)];
  }
  const closed = findClosedPorts((JSON.parse(text) as { nftables: Item[] }).nftables, interfaces, ports);
  return closed.length === 0
    ? [ok(check, `lets in ${formatPorts(ports)}`)]
    : [
        warning(
          check,
          `drops what no rule accepts, and none seems to accept ${formatPorts(closed)}`,
          `accept ${formatPorts(closed)} on ${interfaces.join(", ")}`,
        ),
      ];
}

/**
 * The ports that a dropping input chain has no accepting rule for. A rule that
 * names no port counts where it names no interface but ours, or none at all and
 * nothing else either; what a rule means beyond that is not worked out.
 */
export function findClosedPorts(
  items: readonly Item[],
  interfaces: readonly string[],
  ports: readonly ServicePort[],
): ServicePort[] {
  const dropping = items.flatMap(({ chain }) =>
    chain?.hook === "input" && (chain.family === "ip" || chain.family === "inet") && isDropping(chain, items)
      ? [chain]
      : [],
  );
  return ports.filter((port) =>
    dropping.some(({ table, family }) => {
      // Of any chain of the table: base chains jump to others.
      const rules = items.flatMap(({ rule }) =>
        rule?.table === table && rule.family === family ? [rule] : [],
      );
      return !rules.some(({ expr }) => accepts(expr, interfaces, port));
    }),
  );
}

function isDropping(chain: NonNullable<Item["chain"]>, items: readonly Item[]): boolean {
  if (chain.policy === "drop") return true;
  const last = items.findLast(
    ({ rule }) => rule?.table === chain.table && rule.family === chain.family && rule.chain === chain.name,
  )?.rule;
  return (
    last !== undefined &&
    !last.expr.some((part) => "match" in part) &&
    last.expr.some((part) => "drop" in part || "reject" in part)
  );
}

type Match = { readonly op: string; readonly left: Record<string, unknown>; readonly right: unknown };

function accepts(
  expr: readonly Record<string, unknown>[],
  interfaces: readonly string[],
  { protocol, port }: ServicePort,
): boolean {
  if (!expr.some((part) => "accept" in part)) return false;
  return expr
    .flatMap((part) => ("match" in part ? [part["match"] as Match] : []))
    .every(({ op, left, right }) => {
      if (op !== "==") return false;
      const payload = left["payload"] as { protocol?: string; field?: string } | undefined;
      const meta = left["meta"] as { key?: string } | undefined;
      if (payload?.field === "dport") {
        return (payload.protocol === protocol || payload.protocol === "th") && holds(right, port);
      }
      if (meta?.key === "iifname" || meta?.key === "iif") {
        return interfaces.every((name) => holds(right, name));
      }
      if (meta?.key === "l4proto") return holds(right, protocol);
      // Of connections that exist, or from some addresses only: not for a machine that just starts.
      return false;
    });
}

/** Whether a right-hand side is, or has among its members and ranges, a value. */
function holds(right: unknown, value: string | number): boolean {
  if (right === value) return true;
  if (typeof right !== "object" || right === null) return false;
  const { set, range } = right as { set?: readonly unknown[]; range?: readonly [number, number] };
  if (range !== undefined) return typeof value === "number" && range[0] <= value && value <= range[1];
  return set?.some((member) => holds(member, value)) ?? false;
}

function formatPorts(ports: readonly ServicePort[]): string {
  return ports.map(({ protocol, port }) => `${protocol.toUpperCase()} ${port}`).join(", ");
}
