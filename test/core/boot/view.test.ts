import { expect, test } from "vitest";
import { createView } from "../../../core/boot/view.ts";
import type { Machine } from "../../../core/boot/model.ts";

const machine = { id: "1", name: "web-1", macs: ["52:54:00:12:34:56"] } as unknown as Machine;
const urls = (baseUrl: string) =>
  createView({
    machine,
    mac: machine.macs[0]!,
    siteName: "berlin",
    attemptId: null,
    capability: "C",
    baseUrl,
    variables: [],
  })["urls"];

test("a relay's mirrors can be named", () => {
  expect(urls("http://192.0.2.1:8080")).toEqual({
    base: "http://192.0.2.1:8080",
    host: "192.0.2.1:8080",
    mirror: "http://192.0.2.1:8080/mirror/",
    answers: "http://192.0.2.1:8080/a/C/",
    events: "http://192.0.2.1:8080/e/C/",
  });
});

test("without a relay there are none", () => {
  expect(urls("https://pxedge.example/s/TOKEN")).toEqual({
    base: "https://pxedge.example/s/TOKEN",
    answers: "https://pxedge.example/s/TOKEN/a/C/",
    events: "https://pxedge.example/s/TOKEN/e/C/",
  });
});
