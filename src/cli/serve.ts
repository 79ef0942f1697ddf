/** `waferflow serve`: tokens over HTTP, server-sent events and WebSocket. */
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { OptionError } from '../core/errors.js';
import { GiB, MiB } from '../core/units.js';
import { type LoadOptions, load } from '../index.js';
import { type MeasuredModel, measureModel, modelVersion } from '../platform/node/measure.js';
import { machineBytes } from '../platform/node/memory.js';
import { localModels } from '../platform/node/models.js';
import { adapterName } from '../runtime/adapters.js';
import type { LoraOption } from '../runtime/types.js';
import { parseKeyFile, parseKeyList } from '../server/gate/key-file.js';
import type { ApiKey } from '../server/gate/keys.js';
import type { LogLevel } from '../server/log.js';
import { keepAliveOf } from '../server/models/keep-alive.js';
import type { PairOptions } from '../server/models/pair.js';
import type { ModelOptions } from '../server/models/served.js';
import type { Reasoning } from '../server/road/completion.js';
import type { RunningServer } from '../server/serve.js';
import { INTERRUPTED_EXIT_CODE, interruptible } from './interrupt.js';
import {
  addEnginesOptions,
  addSamplingOptions,
  type EngineFlags,
  generateOptions,
  type LoraFlag,
  list,
  loadOptions,
  parseCount,
  parseNumber,
  parsePort,
  type SamplingFlags,
} from './options.js';
import { obtain } from './pull.js';
import { readTextFile } from './text-file.js';

const KEYS_VARIABLE = 'WAFERFLOW_API_KEYS';

/** Room for several requests, in a memory that any machine has for the models that fit here. */
const DEFAULT_KV_TOKENS = 16_384;

/** Who waits longer for a model is told that it is being loaded. */
const SLOW_LOAD_MS = 1000;

interface ServeFlags extends Omit<EngineFlags, 'model'>, SamplingFlags {
  readonly model?: readonly string[];
  readonly alias?: readonly string[];
  readonly pair?: readonly string[];
  readonly names?: string;
  readonly maxLoaded: number;
  readonly modelMemory?: number;
  readonly keepAlive?: string;
  readonly redis?: string;
  readonly port: number;
  readonly host: string;
  readonly modelName?: readonly string[];
  readonly anyModelName?: boolean;
  readonly maxRunning?: number;
  readonly kvTokens?: number;
  readonly maxRequests: number;
  readonly maxBatchRequests: number;
  readonly maxWaitingTokens: number;
  readonly maxBody: number;
  readonly maxMemory: number;
  readonly apiKeys?: string;
  readonly origin?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
  readonly reasoning: Reasoning;
}

export function registerServe(program: Command): void {
  const number = (flag: string, text: string, parse: (value: string) => number, value: number): Option =>
    new Option(flag, text).argParser(parse).default(value);
  const command = addEnginesOptions(program.command('serve'));
  // What a request says goes before them.
  const own = "the API's own";
  addSamplingOptions(command, {
    maxTokens: 'what there is room for',
    temperature: own,
    others: `the model's, else ${own}`,
  })
    .description('serve tokens over HTTP and WebSocket, to clients of OpenAI, Anthropic and Ollama')
    .addOption(number('-p, --port <n>', 'port; 0 takes a free one', parsePort, 8080))
    .option('--host <address>', 'address to serve at; others than loopback need --api-keys', '127.0.0.1')
    .option('--model-name <name>', 'name of the first model for clients; may be given several times', list)
    .option('--any-model-name', 'the first model answers to every name that no other has')
    .option('--alias <name=model>', "further name of a model, '*' for all others; several times", list)
    .option(
      '--pair <name=quick,thorough[,verify]>',
      'a quick model beside a thorough one behind one name; verify: the quick one drafts for it',
      list,
    )
    .option('--names <file>', 'keep the models that clients create and copy there, for the next start')
    .addOption(number('--max-loaded <n>', 'models in memory at once', parseCount, 3))
    .option(
      '--model-memory <GiB>',
      'memory of all loaded models (default: 80 % of what there is)',
      parseNumber,
    )
    .option(
      '--keep-alive <time>',
      'unload a model after so long without a request, such as 5m; -1 never (default: never with one model, else 5m)',
    )
    .option('--max-running <n>', 'requests that run at once (default: 8)', parseCount)
    .option(
      '--kv-tokens <n>',
      `tokens of all requests in the KV cache (default: ${DEFAULT_KV_TOKENS}, at least the context)`,
      parseCount,
    )
    .addOption(number('--max-requests <n>', 'requests that run and wait; more get a 503', parseCount, 256))
    .addOption(number('--max-batch-requests <n>', 'the same for the tier "flex"', parseCount, 128))
    .addOption(number('--max-waiting-tokens <n>', 'prompt tokens that wait', parseCount, 262_144))
    .addOption(number('--max-body <MiB>', 'size of a request', parseNumber, 4))
    .addOption(
      number('--max-memory <MiB>', 'held for all clients together; more get a 503', parseNumber, 512),
    )
    .option('--api-keys <file>', `lines of \`waferflow keys\`; or keys in ${KEYS_VARIABLE}`)
    .option('--redis <url>', 'share limits, stored responses and streams with other replicas of this server')
    .option('--origin <url>', 'lets pages of this origin in; several times, `localhost`, or `*`', list)
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .addOption(
      new Option('--reasoning <how>', 'thoughts apart from answers, or in their content as written')
        .choices(['split', 'content'])
        .default('split'),
    )
    .addOption(number('--drain-seconds <n>', 'how long work may go on after SIGTERM', parseNumber, 30))
    .addOption(
      new Option('--log-level <level>', 'log on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow serve --port 8080\n  $ waferflow serve --model glint --model smollm2 --alias gpt-4o=smollm2\n  $ waferflow keys me >> keys.txt; waferflow serve --host 0.0.0.0 --api-keys keys.txt',
    )
    .action((flags: ServeFlags) => serve(flags));
}

async function serve(flags: ServeFlags): Promise<void> {
  const paths = await interruptible(async (signal) => {
    const found: string[] = [];
    for (const model of flags.model ?? [undefined]) found.push(await obtain(model, signal));
    return found;
  });
  const tier = { maxWaitingTokens: flags.maxWaitingTokens };
  const tls = await tlsOf(flags);
  const keys = await keysOf(flags);
  const options: LoadOptions = {
    ...(await loadOptions({ ...flags, lora: [] })),
    defaults: generateOptions(flags),
    ...(flags.maxRunning !== undefined && { maxRunning: flags.maxRunning }),
    kvTokens: flags.kvTokens ?? Math.max(DEFAULT_KV_TOKENS, flags.context ?? 0),
  };
  const ids = paths.map(nameOf);
  const [id = ids[0]!, ...names] = flags.modelName ?? [];
  const adapters = adaptersOf(flags.lora ?? [], [
    [ids[0]!, ...(flags.modelName ?? [])],
    ...ids.slice(1).map((one) => [one]),
  ]);
  const [given, ...others] = paths.map((path, i) => {
    const lora = adapters[i]!;
    const own = { ...options, ...(lora.length > 0 && { lora }) };
    return { ...fileModel(path, ids[i]!, own), adapters: options.loraMerge ? [] : lora.map(adapterName) };
  });
  const first = { ...given!, id, aliases: names, takesAnyName: flags.anyModelName === true };
  const keepAliveMs = keepAlive(flags.keepAlive ?? (others.length === 0 ? '-1' : '5m'));
  // Loaded when it is wanted: the other commands start without a web server's packages.
  const { startServer } = await import('../server/serve.js');
  const server = await startServer({
    load: first.load,
    model: first,
    models: others,
    aliases: aliasesOf(flags.alias ?? []),
    pairs: (flags.pair ?? []).map(pairOf),
    ...(flags.names !== undefined && { names: flags.names }),
    pool: {
      maxLoaded: flags.maxLoaded,
      memoryBytes: flags.modelMemory === undefined ? 0.8 * machineBytes() : flags.modelMemory * GiB,
      keepAliveMs,
    },
    ...(flags.redis !== undefined && { redis: flags.redis }),
    port: flags.port,
    host: flags.host,
    keys,
    admission: {
      interactive: { ...tier, ...placesOf(flags.maxRequests, keys.length) },
      batch: { ...tier, ...placesOf(flags.maxBatchRequests, keys.length) },
    },
    limits: {
      bodyBytes: flags.maxBody * MiB,
      memoryBytes: flags.maxMemory * MiB,
      sockets: { messageBytes: flags.maxBody * MiB },
    },
    origins: flags.origin ?? [],
    logLevel: flags.logLevel,
    reasoning: flags.reasoning,
    ...(tls && { tls }),
  });
  const stopped = stopOnSignals(server, flags.drainSeconds * 1000);
  const tellLoading = setTimeout(() => {
    console.error(`loading ${id}; ${server.url}/health tells how far it is`);
  }, SLOW_LOAD_MS);
  try {
    await server.ready.finally(() => clearTimeout(tellLoading));
    console.log(greeting(server));
  } catch (error) {
    if (server.context.lifecycle.draining.aborted) return await stopped;
    await server.close();
    throw error;
  }
  await stopped;
}

/** A model in a file, looked at once for as long as the file stays the same. */
function fileModel(path: string, id: string, options: LoadOptions): ModelOptions {
  let known: { readonly version: string | null; readonly measured: Promise<MeasuredModel> } | null = null;
  const version = (): Promise<string | null> => modelVersion(path);
  const measured = async (): Promise<MeasuredModel> => {
    const now = await version();
    if (known?.version !== now || now === null)
      known = { version: now, measured: measureModel(path, options) };
    return known.measured;
  };
  return {
    id,
    version,
    describe: measured,
    memory: async () => (await measured()).bytes,
    load: (onProgress, signal) => load(path, { ...options, onProgress, signal }),
  };
}

/** The adapters of each model, of the first one where none is named. Throws OptionError on one of a model that is not served. */
function adaptersOf(given: readonly LoraFlag[], models: readonly (readonly string[])[]): LoraOption[][] {
  const found = models.map((): LoraOption[] => []);
  for (const { model, ...adapter } of given) {
    const at = model === undefined ? 0 : models.findIndex((names) => names.includes(model));
    if (at >= 0) found[at]!.push(adapter);
    else
      throw new OptionError({
        what: '--lora',
        given: `an adapter of ${JSON.stringify(model)}, which is not served`,
        expected: `the name of a model that is: ${models.flat().join(', ')}`,
        todo: 'Write NAME@MODEL=FILE, or leave @MODEL out for the first one.',
      });
  }
  return found;
}

function keepAlive(text: string): number {
  const ms = keepAliveOf(text);
  if (ms !== null) return ms;
  throw new OptionError({
    what: '--keep-alive',
    given: JSON.stringify(text),
    expected: 'a time such as 30s, 5m or 1h, or -1',
    todo: 'Use -1 to keep models for ever.',
  });
}

function aliasesOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((text) => {
    const [name, target] = text.split(/=(.*)/s, 2);
    if (name && target) return [name, target] as const;
    throw new OptionError({
      what: '--alias',
      given: JSON.stringify(text),
      expected: 'a name, an equals sign and the name of a model',
      todo: "Write, for example, --alias gpt-4o=glint, or --alias '*=glint' for every other name.",
    });
  });
  return Object.fromEntries(pairs);
}

function pairOf(given: string): PairOptions {
  const [, name, quick, thorough, last] = /^([^=]+)=([^,]+),([^,]+?)(,verify)?$/.exec(given) ?? [];
  if (name && quick && thorough) return { name, quick, thorough, verifies: last !== undefined };
  throw new OptionError({
    what: '--pair',
    given: JSON.stringify(given),
    expected: 'a name, an equals sign and the names of two models, with a comma between',
    todo: 'Write, for example, --pair both=small,large, or --pair both=small,large,verify.',
  });
}

/** Places of a tier: where there are several keys, one has half of them at most. */
function placesOf(maxInFlight: number, keys: number): { maxInFlight: number; maxPerCaller: number } {
  return { maxInFlight, maxPerCaller: keys > 1 ? Math.ceil(maxInFlight / 2) : maxInFlight };
}

/** The name by which the model is listed, or that of its file. */
function nameOf(path: string): string {
  return localModels().find((model) => model.path === path)?.name ?? basename(path, '.gguf');
}

async function keysOf({ apiKeys }: ServeFlags): Promise<readonly ApiKey[]> {
  const variable = process.env[KEYS_VARIABLE];
  return [
    ...(apiKeys === undefined ? [] : parseKeyFile(await readTextFile(apiKeys, 'a file of keys'), apiKeys)),
    ...(variable ? parseKeyList(variable, KEYS_VARIABLE) : []),
  ];
}

async function tlsOf({ tlsCert, tlsKey }: ServeFlags): Promise<{ cert: string; key: string } | null> {
  if (tlsCert === undefined && tlsKey === undefined) return null;
  if (tlsCert !== undefined && tlsKey !== undefined)
    return { cert: await readTextFile(tlsCert, 'a PEM file'), key: await readTextFile(tlsKey, 'a PEM file') };
  throw new OptionError({
    what: 'TLS',
    given: `only ${tlsCert === undefined ? '--tls-key' : '--tls-cert'}`,
    expected: 'both --tls-cert and --tls-key',
    todo: 'Give the other one as well.',
  });
}

function greeting({ url, context }: RunningServer): string {
  const header = context.keys.isOpen ? '' : '-H "authorization: Bearer KEY" ';
  const body = JSON.stringify({ prompt: 'const answer = ', max_tokens: 32 });
  const names = context.models.served.map(({ options: { id } }) => id).join(', ');
  return `waferflow serves ${names} at ${url}; try: curl ${url}/v1/completions ${header}-d '${body}'`;
}

/** Settles when a signal has ended the server in order; a second signal ends the process at once. */
function stopOnSignals(server: RunningServer, drainMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (isStopping) process.exit(signal === 'SIGINT' ? INTERRUPTED_EXIT_CODE : 143);
      isStopping = true;
      console.error(`${signal}: taking no new work; requests may go on for ${drainMs / 1000} s`);
      server.close(drainMs).then(resolve, reject);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
