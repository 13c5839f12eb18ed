// Prints "N passed, N failed" from vitest's JSON report. A skipped test counts
// as failed: under CI every component is required.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tests = report.testResults.flatMap((file) => file.assertionResults);
const passed = tests.filter((test) => test.status === "passed").length;
const others = tests.filter((test) => test.status !== "passed");
for (const test of others) console.log(`${test.status}: ${test.fullName}`);
// A file that fails before its tests run has none of them in the report.
const broken = report.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.length === 0,
);
for (const file of broken) console.log(`failed: ${file.name}: ${file.message}`);
const failed = others.length + broken.length;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
