/** The command that a user gave, for a report that says how to repeat it. */

/** `waferflow` and its arguments, quoted where a shell needs it. */
export function commandLine(args: readonly string[] = process.argv.slice(2)): string {
  return ['waferflow', ...args.map(quoted)].join(' ');
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
