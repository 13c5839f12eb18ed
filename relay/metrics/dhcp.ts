import type { InterfaceView } from "../interface-view.ts";
import type { Metrics, Sample } from "./registry.ts";

/** What is read of the interfaces, and of the leases on their networks. */
export type DhcpSource = {
  readonly interfaces: () => readonly InterfaceView[];
  /** Addresses in use by network. */
  readonly leasesInUse: () => ReadonlyMap<string, number>;
};

const REPLIES = { offer: "offered", ack: "acknowledged", nak: "refused", inform: "informed" } as const;

/** Adds what DHCP did, by interface. */
export function addDhcpMetrics(metrics: Metrics, { interfaces, leasesInUse }: DhcpSource): void {
  const each = (read: (view: InterfaceView) => readonly Sample[]): (() => Sample[]) => {
    return () =>
      interfaces().flatMap((view) =>
        read(view).map(([labels, value]): Sample => [{ interface: view.name, ...labels }, value]),
      );
  };
  metrics.counter(
    {
      name: "pxedge_dhcp_requests_total",
      help: "DHCP messages from clients, by type",
      labels: ["interface", "type"],
    },
    each(({ dhcp }) => [...dhcp.receivedByType].map(([type, count]) => [{ type }, count])),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_replies_total",
      help: "DHCP messages to clients, by type; inform: the ACK of an INFORM",
      labels: ["interface", "type"],
    },
    each(({ dhcp }) => Object.entries(REPLIES).map(([type, counted]) => [{ type }, dhcp[counted]])),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_ignored_total",
      help: "DHCP packets that were not answered, by reason",
      labels: ["interface", "reason"],
    },
    each(({ dhcp }) => [...dhcp.ignoredByReason].map(([reason, count]) => [{ reason }, count])),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_overflowed_total",
      help: "DHCP packets dropped unread: more came than could be answered",
      labels: ["interface"],
    },
    each(({ dhcp }) => [[{}, dhcp.overflowed]]),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_failed_total",
      help: "DHCP replies that could not be made durable, encoded or sent",
      labels: ["interface"],
    },
    each(({ dhcp }) => [[{}, dhcp.failed]]),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_conflicts_total",
      help: "Addresses found in use by somebody they were not given to",
      labels: ["interface"],
    },
    each(({ dhcp }) => [[{}, dhcp.conflicts]]),
  );
  metrics.counter(
    {
      name: "pxedge_dhcp_declined_total",
      help: "Addresses that clients found to be in use by somebody else",
      labels: ["interface"],
    },
    each(({ dhcp }) => [[{}, dhcp.declined]]),
  );
  metrics.gauge(
    {
      name: "pxedge_dhcp_pool_addresses",
      help: "Addresses in the ranges of a network",
      labels: ["interface", "network"],
    },
    each(({ subnets }) => (subnets ?? []).map((subnet) => [{ network: subnet.name }, subnet.size])),
  );
  metrics.gauge(
    {
      name: "pxedge_dhcp_pool_leases",
      help: "Addresses of a network that are leased, reservations outside the ranges included",
      labels: ["interface", "network"],
    },
    each(({ subnets }) => {
      const inUse = leasesInUse();
      return (subnets ?? []).map(({ name }) => [{ network: name }, inUse.get(name) ?? 0]);
    }),
  );
}
