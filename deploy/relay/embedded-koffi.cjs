"use strict";
// koffi in a single executable: its addon is an asset, and a library can be loaded from a file only. That file
// is gone again as soon as it is loaded.
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { getRawAsset } = require("node:sea");

const folder = mkdtempSync(path.join(tmpdir(), "pxedge-relay-"));
try {
  const file = path.join(folder, "koffi.node");
  writeFileSync(file, new Uint8Array(getRawAsset("koffi.node")), { mode: 0o700 });
  const addon = { exports: {} };
  process.dlopen(addon, file);
  module.exports = addon.exports;
} finally {
  rmSync(folder, { recursive: true });
}
