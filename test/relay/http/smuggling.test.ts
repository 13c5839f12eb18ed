import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";

import {
  ask,
  CAPABILITY,
  converse,
  startFakeControlPlane,
  startRelayHttp,
  type RelayUnderTest,
} from "./fixture.ts";

/** What follows on the connection: to be seen by nobody where the request before it is refused. */
const SMUGGLED = "GET /boot/52-54-00-00-00-66/script.ipxe HTTP/1.1\r\nHost: r\r\n\r\n";
const GET = "GET /boot/52-54-00-00-00-01/script.ipxe HTTP/1.1\r\n";
const POST = `POST /e/${CAPABILITY}/log HTTP/1.1\r\nHost: r\r\n`;

let relay: RelayUnderTest;
/** Requests that reached the control plane in full. */
let reached: string[];

beforeEach(async () => {
  reached = [];
  const url = await startFakeControlPlane(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    reached.push(`${request.method} ${request.url} ${body}`.trim());
    response.end("from the control plane");
  });
  relay = await startRelayHttp(url);
});

/** Every answer on one connection. */
async function statusesOf(bytes: string): Promise<string[]> {
  const text = await converse(relay.port, bytes);
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!);
}

describe("a message that could be read as two is refused, with what follows on its connection", () => {
  test.each([
    // Its length, said otherwise.
    ["two Content-Length", `${POST}Content-Length: 3\r\nContent-Length: 60\r\n\r\nabc`],
    ["a list of lengths", `${POST}Content-Length: 3, 3\r\n\r\nabc`],
    ["a length with a sign", `${POST}Content-Length: +3\r\n\r\nabc`],
    ["a negative length", `${POST}Content-Length: -1\r\n\r\nabc`],
    ["a hexadecimal length", `${POST}Content-Length: 0x3\r\n\r\nabc`],
    ["an empty length", `${POST}Content-Length:\r\n\r\nabc`],
    ["a length beyond all numbers", `${POST}Content-Length: 99999999999999999999\r\n\r\nabc`],
    ["a length with a blank in its name", `${POST}Content-Length : 3\r\n\r\nabc`],
    ["CL.TE", `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`],
    ["TE.CL", `${POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\nZ\r\n0\r\n\r\n`],
    // Chunks, said otherwise.
    ["an unknown coding", `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ["identity", `${POST}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc`],
    ["chunked twice", `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ["two codings", `${POST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a vertical tab", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
    ["a folded coding", `${POST}Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n\r\nabc`],
    ["chunks in HTTP/1.0", "POST /e/c/log HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a GET in chunks", `${GET}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    // Chunks that are none.
    ["a chunk's size with 0x", `${POST}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`],
    [
      "a chunk's size beyond all numbers",
      `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc`,
    ],
    ["a chunk's size that ends in LF", `${POST}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`],
    ["a chunk longer than it says", `${POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n`],
    ["LF in a chunk's extension", `${POST}Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n`],
    // Its lines, ended otherwise.
    ["bare LF", `${GET.replace("\r\n", "\n")}Host: r\n\n`],
    ["bare CR", `${GET.replace("\r\n", "\r")}Host: r\r\r`],
    ["NUL in a value", `${GET}Host: r\r\nX-A: a\0b\r\n\r\n`],
    ["a line without a colon", `${GET}Host: r\r\nabc\r\n\r\n`],
    ["a header without a name", `${GET}Host: r\r\n: b\r\n\r\n`],
    ["a name with brackets", `${GET}Host: r\r\nX(A): b\r\n\r\n`],
    ["tabs in the request line", `${GET.replaceAll(" ", "\t")}Host: r\r\n\r\n`],
    ["a blank in the target", `${GET.replace("script", "scr ipt")}Host: r\r\n\r\n`],
    // Its version.
    ["HTTP/0.9", "GET /boot/52-54-00-00-00-01/script.ipxe\r\n\r\n"],
    ["HTTP/1.2", `${GET.replace("1.1", "1.2")}Host: r\r\n\r\n`],
    ["HTTP/2.0", `${GET.replace("1.1", "2.0")}Host: r\r\n\r\n`],
    ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    // Whom it is for.
    ["no Host", `${GET}\r\n`],
    ["two Hosts", `${GET}Host: r\r\nHost: q\r\n\r\n`],
    ["an empty Host", `${GET}Host:\r\n\r\n`],
    ["a Host with a blank", `${GET}Host: r q\r\n\r\n`],
    ["a Host with a path", `${GET}Host: r/relay/v1/state?\r\n\r\n`],
    ["a Host with a user", `${GET}Host: a@r\r\n\r\n`],
    ["a Host that is a list", `${GET}Host: r, q\r\n\r\n`],
    ["a Host with a port that is none", `${GET}Host: r:8080x\r\n\r\n`],
  ])("%s", async (_, bytes) => {
    expect(await statusesOf(bytes + SMUGGLED)).toEqual(["400"]);
    expect(reached).toEqual([]);
  });

  test("too much announced: 413, without having asked for it", async () => {
    const head = `${POST}Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n`;
    expect(await statusesOf(head)).toEqual(["413"]);
    expect(reached).toEqual([]);
  });

  test.each([
    [64, "200"],
    [65, "431"],
  ])("%i header fields: %s", async (count, status) => {
    const fields = Array.from({ length: count - 2 }, (_, at) => `X-${at}: a\r\n`).join("");
    expect(await statusesOf(`${GET}Host: r\r\nConnection: close\r\n${fields}\r\n`)).toEqual([status]);
    expect(reached).toHaveLength(status === "200" ? 1 : 0);
  });

  test("an expectation that is not known: 417", async () => {
    const head = `${POST}Expect: tea\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
    expect(await statusesOf(head)).toEqual(["417"]);
    expect(reached).toEqual([]);
  });
});

test("a malformed request in mid-answer does not get into that answer", async () => {
  await writeFile(join(relay.root, "large.efi"), Buffer.alloc(32 * 1024 * 1024, "x"));
  const socket = connect(relay.port, "127.0.0.1");
  socket.write("GET /f/large.efi HTTP/1.1\r\nHost: r\r\n\r\n");
  let text = "";
  for await (const chunk of socket) {
    if (text === "") socket.write("nonsense\r\n\r\n");
    text += chunk;
  }
  const [head, body] = [text.slice(0, text.indexOf("\r\n\r\n")), text.slice(text.indexOf("\r\n\r\n") + 4)];
  expect(head).toContain("Content-Length: 33554432");
  expect(body).toMatch(/^x+$/);
});

describe("what is one message to everybody is served", () => {
  const CLOSE = "Connection: close\r\n";

  test.each([
    ["an extension of a chunk", `${POST}${CLOSE}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n`],
    ["trailers", `${POST}${CLOSE}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: b\r\n\r\n`],
    ["empty lines before it", `\r\n\r\n${POST}${CLOSE}Content-Length: 3\r\n\r\nabc`],
  ])("%s", async (_, bytes) => {
    expect(await statusesOf(bytes)).toEqual(["200"]);
    expect(reached).toEqual([`POST /e/${CAPABILITY}/log abc`]);
  });

  test("a body that waits to be asked for", async () => {
    const text = await converse(
      relay.port,
      `${POST}${CLOSE}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(reached).toEqual([`POST /e/${CAPABILITY}/log abc`]);
  });

  test("two requests on one connection, each for itself", async () => {
    const second = `${GET}Host: r:8080\r\n${CLOSE}\r\n`;
    expect(await statusesOf(`${POST}Content-Length: 3\r\n\r\nabc${second}`)).toEqual(["200", "200"]);
    expect(reached).toHaveLength(2);
  });

  test.each(["r", "relay.example:8080", "192.168.77.1:8080", "[fe80::1]:8080"])("Host: %s", async (host) => {
    expect(await statusesOf(`${GET}Host: ${host}\r\n${CLOSE}\r\n`)).toEqual(["200"]);
  });
});

describe("Via", () => {
  test("names us to the control plane and to the client, after those before", async () => {
    let via: string | undefined;
    const url = await startFakeControlPlane((request, response) => {
      ({ via } = request.headers);
      response.setHeader("via", "1.1 origin-cache");
      response.end();
    });
    const through = await startRelayHttp(url);
    const target = `${through.url}/a/capability/preseed.cfg`;
    const answer = await ask(target, { headers: { via: "1.0 lan-proxy" } });
    expect(via).toBe("1.0 lan-proxy, 1.1 pxedge");
    expect(answer.headers.via).toBe("1.1 origin-cache, 1.1 pxedge");
  });

  test("a request that has been here already goes no further: 508", async () => {
    const answer = await ask(`${relay.url}/a/capability/preseed.cfg`, {
      headers: { via: "1.1 pxedge, 1.1 edge" },
    });
    expect(answer.status).toBe(508);
    expect(answer.body).toContain("controlPlane.url leads back");
    expect(reached).toEqual([]);
  });
});
