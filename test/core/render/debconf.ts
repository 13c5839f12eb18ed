import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether debconf is here; `PXEDGE_REQUIRE_ALL=1` makes its absence an error, not a skip. */
export const hasDebconf =
  spawnSync("debconf-set-selections", ["--checkonly", "/dev/null"]).status === 0 ||
  process.env["PXEDGE_REQUIRE_ALL"] === "1";

const READ_BACK = `
  use Debconf::Db; use Debconf::Question;
  Debconf::Db->load;
  while (my $name = <STDIN>) {
    chomp $name;
    my $question = Debconf::Question->get($name);
    my $value = defined $question ? $question->value : undef;
    utf8::encode($value) if defined $value && utf8::is_utf8($value);
    print defined $value ? "=" . unpack("H*", $value) : "-", "\\n";
  }`;

/** Loads a preseed file into a debconf database of its own and reads answers back; `null` where there is none. */
export function readThroughDebconf(preseed: string, questions: readonly string[]): (string | null)[] {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-debconf-"));
  try {
    const file = (name: string): string => join(directory, name);
    writeFileSync(
      file("debconf.conf"),
      [
        "Config: configdb",
        "Templates: templatedb",
        "",
        "Name: configdb",
        "Driver: File",
        `Filename: ${file("config.dat")}`,
        "",
        "Name: templatedb",
        "Driver: File",
        `Filename: ${file("templates.dat")}`,
        "",
      ].join("\n"),
    );
    writeFileSync(file("preseed.cfg"), preseed);
    const env = { ...process.env, DEBCONF_SYSTEMRC: file("debconf.conf"), LC_ALL: "C.UTF-8" };
    execFileSync("debconf-set-selections", [file("preseed.cfg")], { env });
    const output = execFileSync("perl", ["-e", READ_BACK], {
      env,
      encoding: "utf8",
      input: questions.join("\n"),
      maxBuffer: 1 << 30,
    });
    return output
      .trimEnd()
      .split("\n")
      .map((line) => (line === "-" ? null : Buffer.from(line.slice(1), "hex").toString("utf8")));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
