import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { Logger } from "pino";

import type { Ipv4 } from "../../core/addresses.ts";
import type { RelayStatus } from "../status.ts";

export type AdminServerOptions = {
  readonly address: Ipv4;
  readonly port: number;
  readonly status: () => RelayStatus;
  /** Prometheus' text exposition format. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>;
  readonly log: Logger;
};

/** What tells the host's operator how the relay is. */
export type AdminServer = {
  /** Where it answers; `undefined` where it does not. */
  readonly port: number | undefined;
  stop(): Promise<void>;
};

/**
 * Answers `/healthz`, `/readyz`, `/status` and `/metrics` for whoever looks
 * after the relay. A port that cannot be had is logged: machines boot without.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { address, port, log } = options;
  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    answer(options, request.method!, request.url!, response).catch((error: unknown) => {
      log.error({ err: error }, "a question after the relay's health could not be answered");
      response.destroy();
    });
  });
  const listening = once(server, "listening");
  server.listen({ host: address, port, exclusive: true });
  try {
    await listening;
  } catch (error) {
    const where = `${address}:${port}`;
    log.error(
      { err: error },
      `metrics, health and status cannot be told on ${where}: free that port, or set admin.port; machines are served all the same`,
    );
    return { port: undefined, stop: async () => undefined };
  }
  server.on("error", (error) => log.error({ err: error }, "the admin port cannot accept a connection"));
  return {
    port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  { status, metrics }: AdminServerOptions,
  method: string,
  target: string,
  response: ServerResponse,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD")
    return send(response, 405, "method not allowed\n", { allow: "GET, HEAD" });
  switch (target.split("?")[0]!) {
    case "/healthz":
      // That it answers at all is the answer: a restart would not mend more.
      return send(response, 200, "ok\n");
    case "/readyz":
      return sendReadiness(response, status());
    case "/status":
      return send(response, 200, `${JSON.stringify(status())}\n`, { "content-type": "application/json" });
    case "/metrics": {
      const { type, text } = await metrics();
      return send(response, 200, text, { "content-type": type });
    }
    default:
      return send(response, 404, "there are /healthz, /readyz, /status and /metrics\n");
  }
}

/** Ready: machines are served on every interface. A dead WAN does not stop a site. */
function sendReadiness(response: ServerResponse, { interfaces }: RelayStatus): void {
  const problems = interfaces.filter(({ problem }) => problem !== null);
  if (problems.length === 0) return send(response, 200, "ready\n");
  send(response, 503, problems.map(({ name, problem }) => `${name}: ${problem}\n`).join(""));
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(text);
  response
    .writeHead(status, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": body.length,
      "cache-control": "no-store",
      ...headers,
    })
    .end(body);
}
