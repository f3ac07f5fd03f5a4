// Completions for bash, zsh and fish from the help of the programs: one file for each shell. Pure. The name of a
// value tells how to complete it: <file> and <path> as a file, <dir> as a directory.

import type { HelpFlag, HelpItem } from './help-text.js';

export interface Completed {
  /** All names of the program. */
  readonly names: readonly string[];
  readonly flags: readonly HelpFlag[];
  readonly commands: readonly HelpItem[];
}

type ValueKind = 'none' | 'choice' | 'file' | 'directory' | 'other';

function kindOf(flag: HelpFlag): ValueKind {
  if (flag.value === undefined) return 'none';
  if (flag.choices.length > 0) return 'choice';
  if (flag.value === 'dir') return 'directory';
  return flag.value === 'file' || flag.value === 'path' ? 'file' : 'other';
}

const BASH_START = `# Completion of Cairn's programs for bash.
_cairn_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }
_cairn_paths() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
  compopt -o filenames 2>/dev/null
}
# bash takes the equals sign of --flag=value for a word of its own.
_cairn_place() {
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=
  ((COMP_CWORD > 0)) && prev=\${COMP_WORDS[COMP_CWORD - 1]}
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
}`;

const BASH_VALUES: Readonly<Record<ValueKind, (choices: string) => string>> = {
  none: () => '',
  choice: (choices) => `_cairn_words ${single(choices)} "$cur"; return`,
  file: () => '_cairn_paths -f "$cur"; return',
  directory: () => '_cairn_paths -d "$cur"; return',
  other: () => 'return',
};

export function bashCompletion(programs: readonly Completed[]): string {
  const parts = programs.map(({ names, flags, commands }) => {
    const called = `_cairn_${(names[0] ?? '').replaceAll('-', '_')}`;
    const cases = flags.flatMap((flag) => {
      const kind = kindOf(flag);
      if (kind === 'none') return [];
      const action = BASH_VALUES[kind](flag.choices.join(' '));
      return `    ${spellings(flag).join('|')}) ${action} ;;`;
    });
    const words = flags.flatMap(spellings).join(' ');
    const rest =
      commands.length === 0
        ? '_cairn_paths -f "$cur"'
        : `_cairn_words ${single(commands.map(({ term }) => term).join(' '))} "$cur"`;
    const body = [
      '  local cur prev',
      '  _cairn_place',
      ...(cases.length === 0 ? [] : ['  case $prev in', ...cases, '  esac']),
      `  if [[ $cur == -* ]]; then _cairn_words ${single(words)} "$cur"\n  else ${rest}`,
      '  fi',
    ];
    return `${called}() {\n${body.join('\n')}\n}\ncomplete -F ${called} ${names.join(' ')}`;
  });
  return `${[BASH_START, ...parts].join('\n\n')}\n`;
}

const ZSH_VALUES: Readonly<Record<ValueKind, (choices: string) => string>> = {
  none: () => '',
  choice: (choices) => `(${choices})`,
  file: () => '_files',
  directory: () => '_files -/',
  other: () => '',
};

export function zshCompletion(programs: readonly Completed[]): string {
  const cases = programs.map(({ names, flags, commands }) => {
    const specs = flags.map((flag) => {
      const words = spellings(flag);
      const excluded = single(`(${words.join(' ')})`);
      const spelt = words.length > 1 ? `{${words.join(',')}}` : words.join('');
      const about = `[${flag.description.replaceAll(/[[\]\\]/g, String.raw`\$&`)}]`;
      if (flag.value === undefined) return `${excluded}${spelt}${single(about)}`;
      const what = `:${flag.value}:${ZSH_VALUES[kindOf(flag)](flag.choices.join(' '))}`;
      return `${excluded}${spelt}${single(about + what)}`;
    });
    const rest =
      commands.length === 0
        ? single('*:file:_files')
        : single(`*:command:(${commands.map(({ term }) => term).join(' ')})`);
    const lines = [...specs, rest].map((spec) => `      ${spec}`).join(' \\\n');
    return `  ${names.join('|')})\n    _arguments -s \\\n${lines}\n    ;;`;
  });
  const names = programs.flatMap((program) => program.names).join(' ');
  return `#compdef ${names}\n# Completion of Cairn's programs for zsh.\ncase $service in\n${cases.join('\n')}\nesac\n`;
}

const FISH_VALUES: Readonly<Record<ValueKind, (choices: string) => string>> = {
  none: () => '',
  choice: (choices) => ` -x -a ${single(choices)}`,
  file: () => ' -r -F',
  directory: () => " -x -a '(__fish_complete_directories)'",
  other: () => ' -x',
};

export function fishCompletion(programs: readonly Completed[]): string {
  const lines = programs.flatMap(({ names, flags, commands }) =>
    names.flatMap((name) => [
      ...flags.map((flag) => {
        const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
        const value = FISH_VALUES[kindOf(flag)](flag.choices.join(' '));
        return `complete -c ${name}${short} -l ${flag.long}${value} -d ${fishText(flag.description)}`;
      }),
      ...commands.map(
        ({ term, description }) =>
          `complete -c ${name} -n __fish_use_subcommand -f -a ${term} -d ${fishText(description)}`,
      ),
    ]),
  );
  return `# Completion of Cairn's programs for fish.\n${lines.join('\n')}\n`;
}

function spellings({ short, long }: HelpFlag): string[] {
  return short === undefined ? [`--${long}`] : [`-${short}`, `--${long}`];
}

/** Quotes a text for bash and zsh. */
function single(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Quotes a text for fish, in which a backslash is special between single quotes. */
function fishText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
