"use strict";
// filtered.cjs KOFFI FILTER PROGRAM [ARG…]: becomes PROGRAM, with a filter of system calls (BPF) upon it: what
// systemd does as the last thing before it starts a service. Debian 12 has no program for that.
const { readFileSync } = require("node:fs");

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
/** Of a `struct sock_filter`. */
const INSTRUCTION_BYTES = 8;

const [koffiFile, filterFile, ...command] = process.argv.slice(2);
const addon = { exports: {} };
process.dlopen(addon, koffiFile);
const koffi = addon.exports;

const filter = readFileSync(filterFile);
koffi.struct("sock_fprog", { len: "uint16_t", filter: "void *" });
const prctl = koffi.load("libc.so.6").func("int prctl(int option, unsigned long mode, sock_fprog *program)");
const program = { len: filter.length / INSTRUCTION_BYTES, filter };
if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) !== 0) {
  throw new Error(`the filter cannot be set: errno ${koffi.errno()}`);
}
// env finds it by PATH.
process.execve("/usr/bin/env", ["env", ...command]);
