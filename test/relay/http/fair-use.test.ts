import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import { Gate } from "../../../relay/http/gate.ts";
import { createPacer } from "../../../relay/http/pacer.ts";
import { ask, deadOrigin, startFakeControlPlane, startRelayHttp } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

const MIB = 2 ** 20;

describe("requests at a time", () => {
  const limits = {
    boot: { total: 3, perClient: 2 },
    image: { total: 2, perClient: 2 },
  };

  test("are counted for all clients and for each, and by their priority", () => {
    const gate = new Gate(limits);
    const leave = gate.enter("boot", "a")!;
    expect(gate.enter("boot", "a")).toBeDefined();
    // A third of one client's; a third of all; the other priority has its own room.
    expect(gate.enter("boot", "a")).toBeUndefined();
    expect(gate.enter("boot", "b")).toBeDefined();
    expect(gate.enter("boot", "c")).toBeUndefined();
    expect(gate.enter("image", "c")).toBeDefined();
    leave();
    expect(gate.enter("boot", "c")).toBeDefined();
    expect(gate.enter("boot", "a")).toBeUndefined();
  });

  test("too many images are told when to come back, and scripts are served meanwhile", async () => {
    const held: (() => void)[] = [];
    const relay = await startRelayHttp(
      await startFakeControlPlane((_, response) => void response.end("#!ipxe\n")),
      {
        gate: new Gate(limits),
        images: {
          resolve: () => new Promise((resolve) => held.push(() => resolve({ kind: "refused" }))),
          held: () => undefined,
          open: () => {
            throw new Error("not reached");
          },
        },
      },
    );
    const image = `${relay.url}/i/debian/rev/linux?exp=1&kid=2&sig=3`;
    const waiting = [ask(image), ask(image)];
    await eventually(() => expect(held).toHaveLength(2));
    const refused = await ask(image);
    expect(refused).toMatchObject({ status: 503, body: "too many requests at a time; try again\n" });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect((await ask(`${relay.url}/boot.ipxe`)).status).toBe(200);
    expect((await ask(`${relay.url}/boot/52-54-00-00-00-01/script.ipxe`)).status).toBe(200);
    await eventually(() =>
      expect(relay.events).toContainEqual(
        expect.objectContaining({
          name: "failed",
          detail: expect.objectContaining({ reason: "too many requests at a time" }),
        }),
      ),
    );
    // Room again, once they are done.
    for (const proceed of held.splice(0)) proceed();
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(404);
    const next = ask(image);
    await eventually(() => expect(held).toHaveLength(1));
    held[0]!();
    expect((await next).status).toBe(404);
  });

  test("a client that leaves gives its place back", async () => {
    const gate = new Gate({ ...limits, image: { total: 1, perClient: 1 } });
    let resolving = 0;
    const relay = await startRelayHttp(await deadOrigin(), {
      gate,
      images: {
        resolve: () => {
          resolving++;
          return new Promise(() => undefined);
        },
        held: () => undefined,
        open: () => {
          throw new Error("not reached");
        },
      },
    });
    const image = `${relay.url}/i/debian/rev/linux?exp=1&kid=2&sig=3`;
    const leaving = httpRequest(image, { agent: false }).on("error", () => undefined);
    leaving.end();
    await eventually(() => expect(resolving).toBe(1));
    expect((await ask(image)).status).toBe(503);
    leaving.destroy();
    await eventually(() => expect(gate.enter("image", "127.0.0.1")).toBeDefined());
  });
});

describe("the rate of bytes", () => {
  async function startWithFile(rate: { all?: number; client?: number }) {
    const pacer = createPacer({
      bytesPerSecond: rate.all ?? null,
      bytesPerSecondPerClient: rate.client ?? null,
      now: () => performance.now(),
    });
    const relay = await startRelayHttp(await deadOrigin(), { pacer });
    await writeFile(join(relay.root, "large.efi"), Buffer.alloc(2 * MIB, "x"));
    return relay;
  }

  test.each([{ all: 2 * MIB }, { client: 2 * MIB }])("is kept: %o", async (rate) => {
    const relay = await startWithFile(rate);
    const start = performance.now();
    const answers = await Promise.all([1, 2].map(() => ask(`${relay.url}/f/large.efi`)));
    for (const { body } of answers) expect(body).toHaveLength(2 * MIB);
    // Four MiB at two a second; a loaded machine takes longer, never less.
    expect(performance.now() - start).toBeGreaterThan(1700);
  });

  test("does not hold up what machines wait for", async () => {
    const relay = await startWithFile({ all: 64 * 1024 });
    const slow = httpRequest(`${relay.url}/f/large.efi`, { agent: false }).on("error", () => undefined);
    onTestFinished(() => void slow.destroy());
    slow.end();
    const [response] = (await once(slow, "response")) as [IncomingMessage];
    response.resume();
    // The file takes half a minute; a script is no part of that.
    for (let i = 0; i < 5; i++) expect((await ask(`${relay.url}/boot.ipxe`)).status).toBe(200);
    expect(response.complete).toBe(false);
  });
});
