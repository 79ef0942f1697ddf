/** `waferflow show`, `inspect` and `dump`: what a model or a file holds, and whether it runs here. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { formatBytes } from '../core/units.js';
import type { GgufFile } from '../formats/gguf.js';
import type { GgufValue } from '../formats/gguf-metadata.js';
import { inspectModel } from '../formats/inspect.js';
import { withGguf } from '../platform/node/file-source.js';
import { localModels, resolveModel } from '../platform/node/models.js';
import { formatNumber, formatTable, printable, printJson } from './output.js';

/** Longer metadata is cut, for people; `--json` has texts whole and long lists by their length. */
const MOST_SHOWN = 60;
/** Vocabularies and scores have their place in the file, not in a document about it. */
const MOST_ITEMS = 32;

export function registerShow(program: Command): void {
  program
    .command('show')
    .description('what a model is, its template, and whether it runs here')
    .argument('[model]', 'a name that `waferflow list` shows, or a path (default: the embedded model)')
    .option('-m, --model <name>', 'the same')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExamples:\n  $ waferflow show\n  $ waferflow show glint --json')
    .action((name: string | undefined, { model, json }: { model?: string; json?: boolean }) =>
      show(resolveModel(name ?? model), json ?? false),
    );
  program
    .command('inspect')
    .alias('dump')
    .description('metadata and tensors of a GGUF file')
    .argument('[file]', 'a path, or a name that `waferflow list` shows (default: the embedded model)')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow inspect glint')
    .action((name: string | undefined, { json }: { json?: boolean }) =>
      inspect(resolveModel(name), json ?? false),
    );
}

async function show(path: string, json: boolean): Promise<void> {
  const document = await withGguf(path, (file) => {
    const text = (key: string): string | null => file.optional(key, 'string', null);
    const report = inspectModel(file);
    return {
      name: localModels().find((model) => model.path === path)?.name ?? basename(path, '.gguf'),
      path,
      ...report,
      context: file.optional(`${report.architecture}.context_length`, 'count', null),
      licence: text('general.license'),
      chatTemplate: text('tokenizer.chat_template'),
      metadata: plainMetadata(file),
      tensors: file.tensors.size,
    };
  });
  if (json) return printJson(document);
  const { architecture, parameters, bytes, types, context, licence, chatTemplate, makes, refusals } =
    document;
  const lines: [string, string][] = [
    ['name', document.name],
    ['file', path],
    ['architecture', architecture ?? 'not said'],
    ['parameters', `${formatNumber(parameters / 1e6)} M in ${document.tensors} tensors`],
    [
      'weights',
      Object.entries(types)
        .map(([type, size]) => `${type} ${formatBytes(size)}`)
        .join(', '),
    ],
    ['size', formatBytes(bytes)],
    ['context', context === null ? 'not said' : `${context} tokens`],
    ['licence', licence ?? 'not said'],
    [
      'chat template',
      chatTemplate === null
        ? `none: it ${makes === 'vectors' ? 'makes vectors' : 'completes text'}`
        : `${chatTemplate.length} characters`,
    ],
    ['runs here', refusals.length === 0 ? 'yes' : 'no'],
  ];
  for (const [label, value] of lines) console.log(printable(`${label.padEnd(16)}${value}`, process.stdout));
  for (const refusal of refusals) console.log(printable(`                ${refusal}`, process.stdout));
}

async function inspect(path: string, json: boolean): Promise<void> {
  await withGguf(path, (file) => {
    const tensors = [...file.tensors.values()].map(({ name, type, dims, offset, byteLength }) => ({
      name,
      type,
      dims,
      offset,
      bytes: byteLength,
    }));
    const { size } = statSync(path);
    if (json) return printJson({ path, bytes: size, metadata: plainMetadata(file), tensors });
    const rows = Object.entries(plainMetadata(file)).map(([key, value]) => [key, shown(value)]);
    console.log(printable(formatTable(['key', 'value'], rows), process.stdout));
    const cells = tensors.map(({ name, type, dims, bytes }) => [
      name,
      type,
      dims.join(' x '),
      formatBytes(bytes),
    ]);
    console.log(`\n${printable(formatTable(['tensor', 'type', 'dims', '>size'], cells), process.stdout)}`);
    console.log(`\n${tensors.length} tensors, ${formatBytes(size)}`);
  });
}

/** Metadata as JSON can hold it: long lists as their length. */
function plainMetadata({ metadata }: GgufFile): Record<string, unknown> {
  return Object.fromEntries([...metadata].map(([key, value]) => [key, plain(value)]));
}

function plain(value: GgufValue): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value;
  return value.length > MOST_ITEMS
    ? { length: value.length }
    : Array.from(value as ArrayLike<GgufValue>, plain);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
}
