/** One argument as the kernel sees it: bytes as Latin-1 characters, `value` null where there is no `=`. */
export type KernelArg = { readonly param: string; readonly value: string | null };

/** The kernel's isspace(): its table (lib/ctype.c) is Latin-1's, so 0xA0 is white space. */
const isSpace = (char: string): boolean => /[ \t-\r\u00a0]/.test(char);

/** A port of next_arg() (lib/cmdline.c), run over a whole command line of UTF-8 text. */
export function parseKernelCommandLine(text: string): KernelArg[] {
  let args = Buffer.from(text, "utf8")
    .toString("latin1")
    .replace(/^[ \t-\r\u00a0]+/, "");
  const found: KernelArg[] = [];
  while (args !== "") {
    const [arg, rest] = nextArg(args);
    found.push(arg);
    args = rest;
  }
  return found;
}

function nextArg(line: string): [KernelArg, string] {
  let args = line;
  let inQuote = false;
  let quoted = false;
  let equals = 0;
  if (args.startsWith('"')) {
    args = args.slice(1);
    inQuote = true;
    quoted = true;
  }
  let i = 0;
  for (; i < args.length; i++) {
    if (isSpace(args[i]!) && !inQuote) break;
    if (equals === 0 && args[i] === "=") equals = i;
    if (args[i] === '"') inQuote = !inQuote;
  }
  const endsInQuote = args[i - 1] === '"';
  const end = i > 0 && quoted && endsInQuote ? i - 1 : i;
  const rest = args.slice(i + 1).replace(/^[ \t-\r\u00a0]+/, "");
  if (equals === 0) return [{ param: args.slice(0, end), value: null }, rest];
  let start = equals + 1;
  let stop = end;
  if (args[start] === '"') {
    start++;
    if (endsInQuote) stop = Math.min(stop, i - 1);
  }
  return [{ param: args.slice(0, equals), value: args.slice(start, Math.max(start, stop)) }, rest];
}
