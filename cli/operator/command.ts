import { Option, type Command } from "commander";
import { createApiClient, type ApiClient } from "../api-client.ts";
import { findConnection } from "../connection.ts";
import { formatTable, type Column } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";

/** What an operator's command works with. */
export type Session = {
  readonly api: ApiClient;
  /** Shows a result: as JSON where that is asked for, else as `people` has it. */
  show(result: unknown, people: () => string): void;
  /** Shows a list: as JSON the items, else as a table, and `none` where it is empty. */
  showList<T>(items: readonly T[], columns: readonly Column<T>[], none: string): void;
  /** A line that says what was done; not with `--json`. */
  say(text: string): void;
  /** The site that the command is about: `--site`, the configured one, or the only one there is. */
  siteName(): Promise<string>;
};

// Commander's own type of options.
// oxlint-disable-next-line typescript/no-explicit-any
type Options = Record<string, any>;

/**
 * Adds a command that talks to the control plane, with its options and examples.
 *
 * @param url the option `--url`, where it names more than the control plane
 */
export function operatorCommand(
  parent: Command,
  usage: string,
  description: string,
  examples: readonly string[],
  url: Option = new Option("--url <url>", "address of the control plane (PXEDGE_URL)"),
): Command {
  return parent
    .command(usage)
    .description(description)
    .option("--json", "print JSON, for scripts")
    .addOption(url)
    .option("--token <token>", "API token (PXEDGE_TOKEN)")
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ pxedge ${example}\n`).join("")}`);
}

/** As `operatorCommand`, about one site. */
export function siteCommand(
  parent: Command,
  usage: string,
  description: string,
  examples: readonly string[],
): Command {
  return operatorCommand(parent, usage, description, examples).option(
    "--site <site>",
    "the site (PXEDGE_SITE); may be left out where there is one",
  );
}

/**
 * The action of an operator's command: a session, the arguments, and the options,
 * of which `connectionFlags` picks those that say where the control plane is.
 * `A` is what the command's usage declares, which commander's types do not know.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function withSession<A extends readonly (string | undefined)[] = []>(
  work: (session: Session, args: A, options: Options) => Promise<void>,
  connectionFlags: (options: Options) => Options = (options) => options,
): (this: Command) => Promise<void> {
  return async function (this: Command) {
    const options = this.opts<Options>();
    await work(openSession(connectionFlags(options)), this.args as unknown as A, options);
  };
}

function openSession(options: Options): Session {
  const connection = findConnection(options);
  const api = createApiClient(connection.url, connection.token);
  const print = (text: string) => void process.stdout.write(text);
  const show: Session["show"] = (result, people) =>
    print(options["json"] ? `${JSON.stringify(result, null, 2)}\n` : people());
  return {
    api,
    show,
    showList: (items, columns, none) =>
      show(items, () => (items.length === 0 ? `${none}\n` : formatTable(columns, items))),
    say: (text) => {
      if (!options["json"]) print(`${text}\n`);
    },
    siteName: async () => {
      const named = (options["site"] as string | undefined) ?? connection.site;
      if (named !== undefined) return encodeURIComponent(named);
      const names = (await api.list("/sites")).map(({ name }) => name as string);
      if (names.length === 1) return names[0]!;
      if (names.length === 0)
        throw new UsageError("there is no site yet: `pxedge site create NAME` makes one");
      const shown = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
      throw new UsageError(`name a site by --site or PXEDGE_SITE; there are ${names.length}: ${shown}`);
    },
  };
}

/** A path segment of what an operator typed. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
