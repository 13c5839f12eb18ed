import { connect } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";

import {
  ask,
  CAPABILITY,
  converse,
  startFakeControlPlane,
  startRelayHttp,
  type RelayUnderTest,
} from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

let relay: RelayUnderTest;
let reached: string[];

beforeEach(async () => {
  reached = [];
  const url = await startFakeControlPlane((request, response) => {
    reached.push(`${request.method} ${request.url}`);
    response.end("from the control plane");
  });
  relay = await startRelayHttp(url);
});

describe("requests that two parsers may read differently", () => {
  test.each([
    [
      "two Content-Length",
      "POST /e/c/log HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ],
    [
      "two equal Content-Length",
      "POST /e/c/log HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ],
    [
      "Transfer-Encoding with Content-Length",
      "POST /e/c/log HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "chunked not last",
      "POST /e/c/log HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    ],
    ["a broken chunk size", "POST /e/c/log HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["a folded header", "GET /boot/x/script.ipxe HTTP/1.1\r\nHost: r\r\nX-A: b\r\n c\r\n\r\n"],
    ["a blank before the colon", "GET /boot/x/script.ipxe HTTP/1.1\r\nHost: r\r\nX-A : b\r\n\r\n"],
    ["no Host in HTTP/1.1", "GET /boot/x/script.ipxe HTTP/1.1\r\n\r\n"],
    ["absolute-form", "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: r\r\n\r\n"],
    ["absolute-form of ourselves", "GET http://r/boot/x/script.ipxe HTTP/1.1\r\nHost: r\r\n\r\n"],
    ["asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: r\r\n\r\n"],
    ["a backslash", "GET /boot\\..\\relay HTTP/1.1\r\nHost: r\r\n\r\n"],
    ["a fragment", "GET /boot/x/script.ipxe#y HTTP/1.1\r\nHost: r\r\n\r\n"],
    ["a GET with a body", "GET /boot/x/script.ipxe HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\n\r\nabc"],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"],
  ])("%s → 400 and a closed connection", async (_, bytes) => {
    expect(await converse(relay.port, bytes)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(reached).toEqual([]);
  });

  test("CONNECT → 405 and a closed connection", async () => {
    const answer = await converse(relay.port, "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(reached).toEqual([]);
  });

  test("headers without end → 431", async () => {
    const header = `X-Long: ${"x".repeat(20_000)}\r\n`;
    expect(await converse(relay.port, `GET /boot.ipxe HTTP/1.1\r\nHost: r\r\n${header}\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  test("an upgrade is not one", async () => {
    const answer = await converse(
      relay.port,
      "GET /boot/x/script.ipxe HTTP/1.1\r\nHost: r\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(reached).toEqual(["GET /boot/x/script.ipxe"]);
  });

  test("HTTP/1.0, as old boot loaders speak it, is served and closed", async () => {
    expect(await converse(relay.port, "GET /boot/x/script.ipxe HTTP/1.0\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*from the control plane$/,
    );
  });

  test("a connection that breaks in mid-request hurts nobody", async () => {
    for (const bytes of ["GET /bo", "POST /e/c/log HTTP/1.1\r\nHost: r\r\nContent-Length: 9\r\n\r\nab"]) {
      const socket = connect(relay.port, "127.0.0.1");
      socket.write(bytes);
      await eventually(() => expect(socket.bytesWritten).toBe(bytes.length));
      socket.resetAndDestroy();
    }
    expect((await ask(`${relay.url}/boot/x/script.ipxe`)).status).toBe(200);
  });
});

describe("targets", () => {
  test.each([
    "/",
    "/relay/v1/state",
    "/api/v1/sites",
    "/boot/../relay/v1/state",
    "/boot/x/../../relay/v1/state",
    "/a/%2e%2e/%2E%2E/relay/v1/state",
    "/a/.%2e/x",
    "/boot/./x",
    "//boot/x/script.ipxe",
    "/boot//script.ipxe",
    "/a/x%2fy/z",
    "/a/x%5c..%5cy/z",
    "/t/../../relay/v1/state",
    "/boot",
    "/boot/",
    "/boot/x",
    "/boot/x/other.cfg",
    "/boot/x/script.ipxe/more",
    "/boot/x/answer",
    "/e/capability/installed",
    `/e/${CAPABILITY}/formatted`,
    "/a/capability",
    "/i/image",
    "/f/",
    "/s/token/boot.ipxe",
    "/mirror/debian/x",
  ])("%s → 404, and the control plane hears nothing", async (target) => {
    expect(
      await converse(relay.port, `GET ${target} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 404 /);
    expect(reached).toEqual([]);
  });

  test.each([
    "/boot/52-54-00-00-00-01/grub.cfg",
    "/boot/52-54-00-00-00-01/answer/user-data",
    "/a/capability/commit",
    "/a/capability/scripts/late.sh",
    `/e/${CAPABILITY}/installed?message=a%20b`,
  ])("%s reaches it", async (target) => {
    expect((await ask(relay.url + target)).status).toBe(200);
    expect(reached).toEqual([`GET ${target}`]);
  });

  test.each([
    ["POST", "/boot.ipxe", "GET, HEAD"],
    ["HEAD", "/boot/x/script.ipxe", "GET"],
    ["POST", "/boot/x/script.ipxe", "GET"],
    ["PUT", "/a/capability/file", "GET, HEAD, POST"],
    ["HEAD", "/e/capability/installed", "GET, POST"],
    ["DELETE", "/i/image/rev/file", "GET, HEAD"],
    ["POST", "/t/1.k.s/image/rev/file", "GET, HEAD"],
    ["POST", "/f/snponly.efi", "GET, HEAD"],
  ])("%s %s → 405", async (method, path, allow) => {
    const answer = await ask(relay.url + path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allow);
    expect(reached).toEqual([]);
  });
});
