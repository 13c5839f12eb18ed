import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";

import {
  ask,
  CAPABILITY,
  CLIENT_MAC,
  converse,
  CREDENTIAL,
  startFakeControlPlane,
  startRelayHttp,
} from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

describe("what goes to the control plane", () => {
  test("the path and query byte for byte, with the credential and what was observed", async () => {
    const seen: IncomingMessage[] = [];
    const relay = await startRelayHttp(
      await startFakeControlPlane((request, response) => {
        seen.push(request);
        response.end("#!ipxe\n");
      }),
    );
    const target = "/boot/52-54-00-00-00-01/script.ipxe?uuid=4c4c&serial=a%20b%26c&arch=x86_64";
    const answer = await ask(relay.url + target);
    expect(answer).toMatchObject({ status: 200, body: "#!ipxe\n" });
    expect(seen[0]!.url).toBe(target);
    expect(seen[0]!.headers).toEqual({
      authorization: `Bearer ${CREDENTIAL}`,
      "pxedge-client-ip": "127.0.0.1",
      "pxedge-client-mac": CLIENT_MAC,
      "pxedge-client-mac-source": "lease",
      "pxedge-interface": "lo",
      "pxedge-base-url": relay.url,
      via: "1.1 pxedge",
      host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      connection: "keep-alive",
    });
  });

  test("no MAC where none was observed", async () => {
    let headers: IncomingMessage["headers"] = {};
    const url = await startFakeControlPlane((request, response) => {
      headers = request.headers;
      response.end();
    });
    const relay = await startRelayHttp(url, { leased: false });
    await ask(`${relay.url}/boot/52-54-00-00-00-01/script.ipxe`, {
      headers: { "pxedge-client-mac": CLIENT_MAC, "pxedge-client-mac-source": "lease" },
    });
    expect(headers["pxedge-client-ip"]).toBe("127.0.0.1");
    expect(headers).not.toHaveProperty("pxedge-client-mac");
    expect(headers).not.toHaveProperty("pxedge-client-mac-source");
  });

  test("nothing that a client must not say, and nothing of its connection", async () => {
    let headers: IncomingMessage["headers"] = {};
    const url = await startFakeControlPlane((request, response) => {
      headers = request.headers;
      response.end();
    });
    const relay = await startRelayHttp(url);
    await ask(`${relay.url}/a/capability/linux`, {
      headers: {
        authorization: "Bearer stolen",
        cookie: "a=b",
        forwarded: "for=10.0.0.1",
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-proto": "https",
        "pxedge-client-mac": "ff:ff:ff:ff:ff:ff",
        "pxedge-base-url": "http://evil",
        "pxedge-anything": "1",
        host: "evil.example.com",
        connection: "close, x-hop",
        "x-hop": "1",
        "keep-alive": "timeout=5",
        te: "trailers",
        "proxy-authorization": "Basic x",
        "user-agent": "iPXE/1.21.1",
        range: "bytes=5-",
        "if-range": '"v1"',
      },
    });
    expect(Object.keys(headers).sort()).toEqual([
      "authorization",
      "connection",
      "host",
      "if-range",
      "pxedge-base-url",
      "pxedge-client-ip",
      "pxedge-client-mac",
      "pxedge-client-mac-source",
      "pxedge-interface",
      "range",
      "user-agent",
      "via",
    ]);
    expect(headers.authorization).toBe(`Bearer ${CREDENTIAL}`);
    expect(headers["pxedge-client-mac"]).toBe(CLIENT_MAC);
    expect(headers["pxedge-base-url"]).toBe(relay.url);
    expect(headers.host).not.toContain("evil");
  });

  test.each([
    ["with a length", { "content-length": "8" }],
    ["in chunks", { "transfer-encoding": "chunked" }],
  ])("a body %s arrives whole", async (_, headers) => {
    let body = "";
    const url = await startFakeControlPlane(async (request, response) => {
      for await (const chunk of request) body += chunk;
      response.end("ok\n");
    });
    const relay = await startRelayHttp(url);
    const answer = await ask(`${relay.url}/e/${CAPABILITY}/log`, {
      method: "POST",
      headers,
      body: "it works",
    });
    expect(answer).toMatchObject({ status: 200, body: "ok\n" });
    expect(body).toBe("it works");
  });

  test("a body over 1 MiB is refused, announced or not, and does not arrive whole", async () => {
    let largest = 0;
    const url = await startFakeControlPlane(async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) {
        bytes += (chunk as Buffer).length;
        largest = Math.max(largest, bytes);
      }
      response.end();
    });
    const relay = await startRelayHttp(url);
    const send = async (announced: boolean): Promise<number> => {
      const request = httpRequest(`${relay.url}/e/${CAPABILITY}/log`, {
        method: "POST",
        agent: false,
        headers: announced ? { "content-length": 2_000_000 } : { "transfer-encoding": "chunked" },
      });
      // The relay closes while we still send.
      request.on("error", () => undefined);
      request.end(Buffer.alloc(2_000_000));
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.resume();
      return response.statusCode!;
    };
    expect(await send(true)).toBe(413);
    expect(largest).toBe(0);
    expect(await send(false)).toBe(413);
    expect(largest).toBeLessThanOrEqual(1024 * 1024);
  });
});

describe("what comes back", () => {
  test("P33 a Range and its answer pass through", async () => {
    const url = await startFakeControlPlane((request, response) => {
      response.writeHead(206, {
        "content-range": `bytes 5-9/10 of ${request.headers.range}`,
        "content-length": 5,
        etag: '"v1"',
      });
      response.end("56789");
    });
    const relay = await startRelayHttp(url);
    const answer = await ask(`${relay.url}/a/capability/vmlinuz`, {
      headers: { range: "bytes=5-" },
    });
    expect(answer).toMatchObject({ status: 206, body: "56789" });
    expect(answer.headers).toMatchObject({
      "content-range": "bytes 5-9/10 of bytes=5-",
      "content-length": "5",
      etag: '"v1"',
    });
  });

  test("P33 HEAD keeps its Content-Length and has no body", async () => {
    const url = await startFakeControlPlane((request, response) => {
      response.writeHead(200, { "content-length": 1_000_000, "x-method": request.method! });
      response.end();
    });
    const relay = await startRelayHttp(url);
    const answer = await ask(`${relay.url}/a/capability/vmlinuz`, { method: "HEAD" });
    expect(answer.body).toBe("");
    expect(answer.headers).toMatchObject({ "content-length": "1000000", "x-method": "HEAD" });
  });

  test("the state's revision goes to us and not to the client, as do the origin's own headers", async () => {
    const url = await startFakeControlPlane((_request, response) => {
      response.writeHead(200, {
        "pxedge-state": "42",
        "set-cookie": "a=b",
        "alt-svc": 'h3=":443"',
        "strict-transport-security": "max-age=1",
        connection: "x-hop",
        "x-hop": "1",
        "cache-control": "no-store",
      });
      response.end("x");
    });
    const relay = await startRelayHttp(url);
    const { headers } = await ask(`${relay.url}/a/capability/preseed.cfg`);
    expect(relay.revisions).toEqual(["42"]);
    expect(Object.keys(headers).sort()).toEqual([
      "cache-control",
      "connection",
      "content-length",
      "date",
      "via",
    ]);
  });

  test("a client that leaves aborts the request to the control plane", async () => {
    const aborted = Promise.withResolvers<void>();
    const url = await startFakeControlPlane((_request, response) => {
      response.once("close", () => aborted.resolve());
      response.write("something");
    });
    const relay = await startRelayHttp(url);
    const request = httpRequest(`${relay.url}/a/capability/big`, { agent: false }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await once(response, "data");
    response.destroy();
    await aborted.promise;
    await eventually(() =>
      expect(relay.events).toMatchObject([{ name: "failed", mac: CLIENT_MAC, detail: { path: "/a/…/big" } }]),
    );
  });

  test("an answer that is no answer file by its size is not kept in memory", async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    const url = await startFakeControlPlane(async (_request, response) => {
      while (!response.destroyed) if (!response.write(chunk)) await once(response, "drain");
    });
    const relay = await startRelayHttp(url, { holdMs: { answers: 10_000, callbacks: 500 } });
    expect((await ask(`${relay.url}/a/capability/big`)).status).toBe(503);
    await eventually(() =>
      expect(relay.events).toMatchObject([
        { name: "failed", detail: { reason: expect.stringContaining("more than 8388608 bytes") } },
      ]),
    );
  });
});

describe("when the control plane does not answer", () => {
  test.each([`/boot/${CLIENT_MAC}/answer/user-data`, `/a/${CAPABILITY}/preseed.cfg`])(
    "%s: a refused credential is ours to tell, not the client's to see, and asking again does not help",
    async (path) => {
      const url = await startFakeControlPlane((_request, response) => {
        response.writeHead(401, { "www-authenticate": "Bearer" }).end("go away");
      });
      const relay = await startRelayHttp(url);
      const answer = await ask(relay.url + path);
      expect(answer.status).toBe(503);
      expect(answer.headers).not.toHaveProperty("www-authenticate");
      expect(answer.headers).not.toHaveProperty("retry-after");
      await eventually(() =>
        expect(relay.events).toMatchObject([{ detail: { reason: expect.stringContaining("relay join") } }]),
      );
    },
  );

  test("a pooled connection that went stale is not the client's trouble", async () => {
    let requests = 0;
    const url = await startFakeControlPlane((request, response) => {
      requests++;
      if (requests === 2) return void request.socket.destroy();
      response.end(`answer ${requests}`);
    });
    const relay = await startRelayHttp(url);
    expect((await ask(`${relay.url}/boot/52-54-00-00-00-01/script.ipxe`)).body).toBe("answer 1");
    expect((await ask(`${relay.url}/boot/52-54-00-00-00-01/script.ipxe`)).body).toBe("answer 3");
  });
});

describe("events and logs", () => {
  test("a good answer is an event with its status and bytes", async () => {
    const url = await startFakeControlPlane((_request, response) => void response.end("0123456789"));
    const relay = await startRelayHttp(url);
    await ask(`${relay.url}/boot/52-54-00-00-00-01/script.ipxe?uuid=1`);
    await eventually(() => expect(relay.events).toHaveLength(1));
    expect(relay.events[0]).toEqual({
      mac: CLIENT_MAC,
      stage: "http",
      name: "served",
      detail: {
        method: "GET",
        path: "/boot/52-54-00-00-00-01/script.ipxe",
        ip: "127.0.0.1",
        status: 200,
        bytes: 10,
        durationMs: expect.any(Number),
      },
    });
  });

  test("capabilities, grants and signatures are in no event and no log line", async () => {
    const url = await startFakeControlPlane((_request, response) => void response.writeHead(500).end());
    const relay = await startRelayHttp(url);
    const secret = CAPABILITY;
    const targets = [
      `/a/${secret}/preseed.cfg`,
      `/e/${secret}/installed`,
      `/t/99.k.${secret}/image/rev/file`,
      `/i/image/rev/file?sig=${secret}`,
      `/A/${secret}/preseed.cfg`,
      `//a/${secret}/preseed.cfg`,
      `/a/${secret}`,
      `/s/${secret}/boot.ipxe`,
      `/a//${secret}/preseed.cfg`,
      `/boot/../a/${secret}/preseed.cfg`,
      `/f/a/${secret}/preseed.cfg`,
    ];
    for (const target of targets) {
      const request = `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
      await converse(relay.port, request);
    }
    await eventually(() =>
      expect(relay.logLines.filter((line) => line.includes('"msg":"http"'))).toHaveLength(targets.length),
    );
    expect(relay.events.length).toBeGreaterThan(4);
    expect(JSON.stringify(relay.events) + relay.logLines.join("")).not.toContain(secret);
    expect(JSON.stringify(relay.events)).toContain("/a/…/preseed.cfg");
  });

  test("a flood of what does not exist makes a few events, not a flood", async () => {
    const relay = await startRelayHttp(
      await startFakeControlPlane((_request, response) => void response.end()),
    );
    for (let i = 0; i < 50; i++) expect((await ask(`${relay.url}/wp-login.php`)).status).toBe(404);
    await eventually(() =>
      expect(relay.logLines.filter((line) => line.includes('"msg":"http"'))).toHaveLength(50),
    );
    expect(relay.events).toHaveLength(5);
  });
});
