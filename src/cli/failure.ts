/** What a failed command tells its user, and its exit code: 1 failed, 2 bad usage, 130 interrupted. */
import { type Command, CommanderError } from 'commander';
import { OptionError, WaferflowError } from '../core/errors.js';
import { INTERRUPTED_EXIT_CODE, Interrupted } from './interrupt.js';
import { say } from './output.js';

/** Codes of the system that say what is wrong outside of this program, where no message of its own says it. */
const system: Readonly<Record<string, string>> = {
  EMFILE: 'too many open files: raise the limit, for example with `ulimit -n 4096`',
  ENFILE: 'too many open files on this machine: close other programs',
  ENOSPC: 'the disk is full: make room, then run the same command again',
  ENOMEM: 'not enough memory: close other programs, or choose a smaller model',
  EIO: 'the disk or terminal failed to read or write',
};

/** Says what went wrong, on stderr, and returns the exit code. `command` is the one that failed, if one had begun. */
export function reportFailure(thrown: unknown, command: Command | null, bugs?: string): number {
  if (thrown instanceof Interrupted) return INTERRUPTED_EXIT_CODE;
  // Commander has printed its message already; help and version that were asked for are no failure.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
  if (thrown instanceof WaferflowError) {
    say(`waferflow: ${inFlags(thrown.message, command)}`);
    return thrown instanceof OptionError ? 2 : 1;
  }
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? missingPackages(String(thrown)) : [];
  if (missing.length > 0) {
    console.error(
      `waferflow: this needs the package ${missing[0]}, which is not installed. Install it beside waferflow: npm install ${missing.join(' ')}`,
    );
    return 1;
  }
  const known = system[code];
  if (known !== undefined) {
    console.error(`waferflow: ${known}.`);
    return 1;
  }
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0];
  const where = bugs ? ` at ${bugs}` : '';
  say(`waferflow: internal error: ${message}. Run it again with WAFERFLOW_DEBUG=1 and report it${where}.`);
  if (process.env.WAFERFLOW_DEBUG === '1' && thrown instanceof Error) console.error(thrown.stack);
  return 1;
}

/** What was typed does not go together; said as commander says that of a single flag. */
export function usageError(message: string): CommanderError {
  console.error(`error: ${message}\nAdd --help to see what the command takes.`);
  return new CommanderError(2, 'waferflow.usage', message);
}

/** Packages that few commands need and nobody gets unasked, as they are large: charts, GPU baseline, queue, sandbox. */
export const optionalPackages = [
  { name: 'echarts', use: 'for the charts of --html and --md' },
  { name: 'gpu.js', use: 'for the GPU-style baseline of bench' },
  { name: 'webgpu', use: 'for a GPU in bench' },
  { name: 'bullmq', use: 'for sweeps over Redis' },
  { name: 'ioredis', use: 'for replicas of a server, over Redis' },
  { name: '@modelcontextprotocol/sdk', use: 'for chat --mcp, to reach MCP servers' },
  { name: 'quickjs-emscripten-core', use: 'for eval, to run what models write' },
  { name: '@jitl/quickjs-ng-wasmfile-release-sync', use: 'for eval, to run what models write' },
  { name: '@swc/wasm-typescript', use: 'for eval, to run what models write' },
] as const;

/** The optional package that could not be found, and those that serve the same use; none where it is another. */
function missingPackages(message: string): string[] {
  const [, name] = /Cannot find (?:package|module) '(@[^'/]+\/[^'/]+|[^'/]+)/.exec(message) ?? [];
  const missing = optionalPackages.find((known) => known.name === name);
  if (missing === undefined) return [];
  const others = optionalPackages.filter(({ use }) => use === missing.use);
  return [missing.name, ...others.map((other) => other.name).filter((other) => other !== missing.name)];
}

/** A message of the library, whose options have other names than the flags that set them. */
export function inFlags(message: string, command: Command | null): string {
  let text = message;
  for (const option of command?.options ?? []) {
    const name = option.attributeName();
    const flag = option.long ?? option.flags;
    text = text.replace(new RegExp(`\\boption ${name}\\b`, 'g'), flag);
    // A name in camel case is no English word: wherever it stands, it means the option.
    if (/[A-Z]/.test(name)) text = text.replace(new RegExp(`(?<![\\w"'.-])${name}\\b(?!["'])`, 'g'), flag);
  }
  return text;
}
