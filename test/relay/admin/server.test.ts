import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";

import type { RelayStatus } from "../../../relay/status.ts";
import { startFakeControlPlane } from "../control-plane/fixture.ts";
import { SITE, state } from "../control-plane/site-state.ts";
import { ask } from "../http/fixture.ts";
import { configure, start, startFakeSite, urlOf } from "../relay-fixture.ts";

describe("the admin port", () => {
  test("tells health, readiness, status and metrics, and nothing else", async () => {
    const config = await configure((await startFakeSite()).url);
    const relay = await start(config);
    const admin = `http://127.0.0.1:${config.admin.port}`;
    await ask(`${urlOf(relay)}/boot/52-54-00-00-00-01/script.ipxe`);
    expect(await ask(`${admin}/healthz`)).toMatchObject({ status: 200, body: "ok\n" });
    expect(await ask(`${admin}/readyz`)).toMatchObject({ status: 200, body: "ready\n" });
    const status = JSON.parse((await ask(`${admin}/status`)).body) as RelayStatus;
    expect(status).toMatchObject({
      healthy: true,
      problems: [],
      relay: "r1",
      site: { id: SITE.id, name: SITE.name },
      stateDir: config.stateDir,
      controlPlane: { state: "reachable", lastContact: expect.any(String) },
      interfaces: [
        {
          name: "lo",
          dhcp: "server",
          http: `127.0.0.1:${config.http.port}`,
          problem: null,
          pools: [{ network: "127.0.0.0/8", size: 50, leased: 0 }],
          transfers: 0,
        },
      ],
    });
    expect(JSON.stringify(status)).not.toContain("pxr_");
    const metrics = await ask(`${admin}/metrics`);
    expect(metrics.headers["content-type"]).toContain("version=0.0.4");
    expect(metrics.body).toContain('pxedge_http_requests_total{route="script",status="200"} 1\n');
    expect((await ask(`${admin}/credentials`)).status).toBe(404);
    expect((await ask(`${admin}/status`, { method: "POST" })).status).toBe(405);
  });

  test("a port that somebody else holds keeps no machine from booting", async () => {
    const config = await configure((await startFakeSite()).url);
    const holder = createServer().listen(config.admin.port, "127.0.0.1");
    await once(holder, "listening");
    const relay = await start(config);
    expect((await ask(`${urlOf(relay)}/boot.ipxe`)).status).toBe(200);
    holder.close();
  });

  test("an interface that is not there: not ready, not healthy, and why", async () => {
    const config = await configure((await startFakeSite()).url);
    const missing = { ...config.interfaces[0]!, name: "nope0" };
    await start({ ...config, interfaces: [...config.interfaces, missing] });
    const admin = `http://127.0.0.1:${config.admin.port}`;
    const readiness = await ask(`${admin}/readyz`);
    expect(readiness).toMatchObject({ status: 503, body: expect.stringMatching(/^nope0: .*nope0/) });
    const status = JSON.parse((await ask(`${admin}/status`)).body) as RelayStatus;
    expect(status.healthy).toBe(false);
    expect(status.problems).toEqual([expect.stringMatching(/^nope0 is not wholly served: /)]);
  });

  test("a WAN that is dead is a problem, and no reason to restart the relay", async () => {
    const plane = await startFakeControlPlane(() => ({ body: state({}) }));
    const config = await configure(plane.url);
    plane.stop();
    const relay = await start(config);
    const admin = `http://127.0.0.1:${config.admin.port}`;
    expect((await ask(`${admin}/readyz`)).status).toBe(200);
    expect(relay.status()).toMatchObject({
      healthy: false,
      problems: [expect.stringContaining("the control plane cannot be reached: ")],
      controlPlane: { state: "unreachable", lastContact: null },
    });
  });
});
