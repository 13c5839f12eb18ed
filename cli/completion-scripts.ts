/** An option as shells complete it. */
export type CompletedOption = {
  /** Without its dashes. */
  readonly name: string;
  readonly description: string;
  /** Where a value follows: what it may be, or empty where that is not known. */
  readonly values?: readonly string[];
};

/** A command, and what may follow it. */
export type CompletedCommand = {
  /** E.g. `machine arm`; empty for `pxedge` itself. */
  readonly path: string;
  /** Commands below it, or what its argument may be. */
  readonly words: readonly { readonly word: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
};

/** What a shell reads to complete `pxedge`. Where no word is known, it completes files. */
export const COMPLETION_FORMATTERS: Readonly<
  Record<"bash" | "zsh" | "fish", (commands: readonly CompletedCommand[]) => string>
> = { bash: formatBash, zsh: formatZsh, fish: formatFish };

function formatBash(commands: readonly CompletedCommand[]): string {
  return `_pxedge() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
${formatSearch(commands)}  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _pxedge pxedge
`;
}

/** As a file of `fpath` it is the function's body, which has to complete at once; it may be sourced as well. */
function formatZsh(commands: readonly CompletedCommand[]): string {
  return `#compdef pxedge
_pxedge() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT-1]}"
  local before=("\${(@)words[2,CURRENT-1]}")
${formatSearch(commands)}  if [[ -n $candidates ]]; then compadd -- \${=candidates}; else _files; fi
}
if [[ "\${funcstack[1]}" == _pxedge ]]; then _pxedge "$@"; else compdef _pxedge pxedge; fi
`;
}

/**
 * Lines that both bash and zsh read: they take `before`, `current` and
 * `previous`, and leave `candidates`.
 */
function formatSearch(commands: readonly CompletedCommand[]): string {
  const paths = commands.map(({ path }) => path).filter((path) => path !== "");
  const ofCommand = commands.map(
    ({ path, words, options }) =>
      `    "${path}") following="${words.map(({ word }) => word).join(" ")}"` +
      ` flags="${options.map(({ name }) => `--${name}`).join(" ")}" ;;\n`,
  );
  const ofOption = commands.flatMap(({ path, options }) =>
    options.flatMap(({ name, values }) =>
      values === undefined ? [] : [`    "${path} --${name}") candidates="${values.join(" ")}" ;;\n`],
    ),
  );
  return `  local at="" word following flags candidates
  for word in "\${before[@]}"; do
    case "\${at:+$at }$word" in
${paths.map((path) => `      "${path}") at="${path}" ;;\n`).join("")}    esac
  done
  case "$at" in
${ofCommand.join("")}  esac
  case "$at $previous" in
${ofOption.join("")}    *) case "$current" in -*) candidates="$flags" ;; *) candidates="$following" ;; esac ;;
  esac
`;
}

function formatFish(commands: readonly CompletedCommand[]): string {
  const paths = commands.map(({ path }) => path).filter((path) => path !== "");
  const lines = commands.flatMap(({ path, words, options }) => {
    const start = `complete -c pxedge -n '__pxedge_is "${path}"'`;
    return [
      ...words.map(({ word, description }) => `${start} -f -a ${word} -d ${quoteFish(description)}\n`),
      ...options.map(({ name, description, values }) => {
        const value =
          values === undefined ? "" : values.length === 0 ? " -r" : ` -x -a '${values.join(" ")}'`;
        return `${start} -l ${name}${value} -d ${quoteFish(description)}\n`;
      }),
    ];
  });
  return `function __pxedge_is -a wanted
    set -l words (commandline -opc)
    set -e words[1]
    set -l at ''
    for word in $words
        switch (string trim -- "$at $word")
            case ${paths.map((path) => `'${path}'`).join(" ")}
                set at (string trim -- "$at $word")
        end
    end
    test "$at" = "$wanted"
end
${lines.join("")}`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
