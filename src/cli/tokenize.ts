/** `waferflow tokenize`: the ids of a text, or the text of ids; of a model only its vocabulary is read. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { messageOf } from '../core/errors.js';
import { readGguf } from '../formats/gguf.js';
import { createTokenizer } from '../formats/tokenizer.js';
import type { Tokenizer } from '../formats/tokenizer-types.js';
import { openModelSource } from '../platform/node/file-source.js';
import { resolveModel } from '../platform/node/models.js';
import { usageError } from './failure.js';
import { parseIds } from './options.js';
import { printJson, say } from './output.js';
import { readPrompt } from './prompt.js';

interface TokenizeFlags {
  readonly model?: string;
  readonly special?: boolean;
  readonly addSpecial?: boolean;
  readonly ids?: readonly number[];
  readonly json?: boolean;
  readonly jsonl?: boolean;
}

export function registerTokenize(program: Command): void {
  program
    .command('tokenize')
    .description('the token ids of a text, or the text of ids; a file with a vocabulary alone is enough')
    .argument('[text]', 'the text; - or none reads standard input')
    .option(
      '-m, --model <path|name>',
      'GGUF file or name from `waferflow models` (default: the embedded model)',
    )
    .option('--special', 'read special tokens in the text, such as <|im_end|>, as tokens')
    .option('--add-special', 'add the BOS and EOS that the model wants')
    .option('--ids <ids>', 'token ids such as 1,2,3 to turn into text', parseIds)
    .option('--json', 'print one JSON document: ids and pieces, or text')
    .option('--jsonl', 'read a JSON document {"text", "special"} a line and answer each on a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow tokenize "Hello world"\n  $ waferflow tokenize --ids 33,34,35\n  $ echo \'{"text": "a b"}\' | waferflow tokenize --jsonl',
    )
    .action((text: string | undefined, flags: TokenizeFlags) => tokenize(text, flags));
}

async function tokenize(text: string | undefined, flags: TokenizeFlags): Promise<void> {
  if ([text, flags.ids, flags.jsonl].filter((input) => input !== undefined).length > 1) {
    throw usageError('give one of a text, --ids and --jsonl');
  }
  const tokenizer = await readTokenizer(flags.model);
  for (const warning of tokenizer.warnings) say(`waferflow: ${warning}`);
  if (flags.jsonl) return answerLines(tokenizer, flags);
  if (flags.ids !== undefined) {
    const decoded = tokenizer.decode(flags.ids);
    return flags.json ? printJson({ text: decoded }) : console.log(decoded);
  }
  const answer = encoded(tokenizer, await readPrompt(text ?? '-'), flags.special ?? false, flags);
  if (flags.json) return printJson(answer);
  for (const [i, id] of answer.ids.entries()) console.log(`${id}\t${JSON.stringify(answer.pieces[i])}`);
}

async function readTokenizer(model: string | undefined): Promise<Tokenizer> {
  const source = await openModelSource(resolveModel(model));
  try {
    return createTokenizer(await readGguf(source));
  } finally {
    await source.close();
  }
}

function encoded(
  tokenizer: Tokenizer,
  text: string,
  special: boolean,
  { addSpecial = false }: TokenizeFlags,
): { readonly ids: readonly number[]; readonly pieces: readonly string[] } {
  const ids = tokenizer.encode(text, { special, ...(!addSpecial && { bos: false }) });
  return { ids, pieces: ids.map((id) => tokenizer.textOf(id)) };
}

async function answerLines(tokenizer: Tokenizer, flags: TokenizeFlags): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    try {
      const { text, special } = readLine(line);
      printJson(encoded(tokenizer, text, special ?? flags.special ?? false, flags));
    } catch (thrown) {
      printJson({ error: messageOf(thrown) });
    }
  }
}

function readLine(line: string): { readonly text: string; readonly special?: boolean } {
  const request = JSON.parse(line) as { readonly text?: unknown; readonly special?: unknown } | null;
  const { text, special } = request ?? {};
  if (typeof text !== 'string') throw new TypeError('a line has to be an object with the string "text"');
  if (special !== undefined && typeof special !== 'boolean')
    throw new TypeError('"special" has to be true or false');
  return special === undefined ? { text } : { text, special };
}
