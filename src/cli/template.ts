/** `waferflow template`: the prompt that a conversation becomes, and the message that a model's output is. */
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { FormatError, ModelError, messageOf, OptionError } from '../core/errors.js';
import { type Answer, readAnswer } from '../formats/answer/answer.js';
import { promptEndOf } from '../formats/answer/prompt-end.js';
import { compileTemplate, renderTemplate } from '../formats/chat/template.js';
import { givenMessages } from '../formats/chat/variables.js';
import { readGguf } from '../formats/gguf.js';
import { readJson } from '../formats/jinja/json.js';
import type { Template } from '../formats/jinja/template.js';
import { isText, plain } from '../formats/jinja/text.js';
import { Dict, orElse, type Value } from '../formats/jinja/values.js';
import { createTokenizer } from '../formats/tokenizer.js';
import { openFileSource } from '../platform/node/file-source.js';
import { resolveModel } from '../platform/node/models.js';
import { usageError } from './failure.js';
import { printJson } from './output.js';
import { readPrompt } from './prompt.js';
import { readTextFileSync } from './text-file.js';

interface TemplateFlags {
  readonly model?: string;
  readonly file?: string;
  readonly json?: boolean;
  readonly jsonl?: boolean;
}

interface Source {
  readonly template: string;
  /** Where the conversation has functions. */
  readonly tools?: string | null;
  readonly bos: string;
  readonly eos: string;
}

export function registerTemplate(program: Command): void {
  const template = program
    .command('template')
    .description('what a chat template makes of a conversation, and of what a model wrote');
  const verbs = [
    [
      'render',
      'the prompt that a conversation becomes',
      '{"messages": [{"role": "user", "content": "Hi"}]}',
      render,
    ],
    ['parse', 'what a model wrote, as a message', '{"output": "<think>\\nhm\\n</think>\\n\\nHello"}', parse],
  ] as const;
  for (const [name, description, example, run] of verbs) {
    template
      .command(name)
      .description(description)
      .argument('[file]', 'a JSON file; - or none reads standard input')
      .option('-m, --model <path|name>', 'GGUF file or name from `waferflow models` whose template it is')
      .option('--file <path>', 'a Jinja file in place of a model; bos_token is then <s> and eos_token </s>')
      .option('--json', 'print one JSON document')
      .option(
        '--jsonl',
        'read a JSON document a line, with "template" naming or holding one, and answer each',
      )
      .addHelpText(
        'after',
        `\nExample:\n  $ echo '{"template": "{{ messages[0].content }}", ${example.slice(1)}' | waferflow template ${name} --jsonl`,
      )
      .action((file: string | undefined, flags: TemplateFlags) => answer(file, flags, run));
  }
}

type Verb = (request: Dict, source: Source) => { readonly text: string } | Answer;

async function answer(file: string | undefined, flags: TemplateFlags, run: Verb): Promise<void> {
  const source = await sourceOf(flags);
  if (flags.jsonl) {
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      if (line.trim() === '') continue;
      try {
        printJson(run(requestOf(line), lineSource(requestOf(line), source)));
      } catch (thrown) {
        printJson({ error: messageOf(thrown) });
      }
    }
    return;
  }
  const text = file === undefined || file === '-' ? await readPrompt('-') : readTextFileSync(file);
  const request = requestOf(text);
  const made = run(request, lineSource(request, source));
  if (flags.json || !('text' in made)) printJson(made);
  else process.stdout.write(made.text.endsWith('\n') ? made.text : `${made.text}\n`);
}

function requestOf(text: string): Dict {
  let request: Value;
  try {
    request = readJson(text);
  } catch (thrown) {
    throw refusal(messageOf(thrown));
  }
  if (request instanceof Dict) return request;
  throw refusal('something else');
}

function refusal(given: string, expected = 'a JSON object'): FormatError {
  return new FormatError({ what: 'request', given, expected, todo: 'Correct it; --help has an example.' });
}

async function sourceOf({ model, file }: TemplateFlags): Promise<Source | null> {
  if (model !== undefined && file !== undefined) {
    throw usageError('give one of --model and --file');
  }
  if (file !== undefined) return { template: readTextFileSync(file), bos: '<s>', eos: '</s>' };
  if (model === undefined) return null;
  const source = await openFileSource(resolveModel(model));
  try {
    const gguf = await readGguf(source);
    const tokenizer = createTokenizer(gguf);
    if (tokenizer.chatTemplate === null)
      throw new ModelError({
        what: `chat template of ${model}`,
        given: 'none',
        expected: 'a template in the model',
        todo: 'Give one with --file.',
      });
    const textOf = (key: string): string => {
      const id = gguf.optional(key, 'number', null);
      return id === null ? '' : tokenizer.textOf(id);
    };
    const [bos, eos] = [textOf('tokenizer.ggml.bos_token_id'), textOf('tokenizer.ggml.eos_token_id')];
    return { template: tokenizer.chatTemplate, tools: tokenizer.toolTemplate, bos, eos };
  } finally {
    await source.close();
  }
}

/** The template of a line: its own, a path or Jinja itself, or the one of the options. */
function lineSource(request: Dict, source: Source | null): Source {
  const given = textOf(request.get('template'));
  if (given !== null) {
    const isPath = !given.includes('\n') && !given.includes('{') && existsSync(given);
    return {
      template: isPath ? readTextFileSync(given) : given,
      bos: '<s>',
      eos: '</s>',
      ...(source && { bos: source.bos, eos: source.eos }),
    };
  }
  const hasTools = orElse(request.get('tools'), null) !== null;
  if (source !== null) return hasTools && source.tools ? { ...source, template: source.tools } : source;
  throw new OptionError({
    what: 'template',
    given: 'none',
    expected: 'one of --model, --file, or "template" in the request',
    todo: 'Give one of them.',
  });
}

function textOf(value: Value | undefined): string | null {
  return value !== undefined && isText(value) ? plain(value) : null;
}

const compiled = new Map<string, Template>();

function compile(source: string): Template {
  let template = compiled.get(source);
  if (template === undefined) {
    template = compileTemplate(source);
    compiled.set(source, template);
  }
  return template;
}

function render(request: Dict, { template, bos, eos }: Source): { readonly text: string } {
  const variables = new Map<string, Value>([
    ['messages', givenMessages(orElse(request.get('messages'), []))],
    ['tools', orElse(request.get('tools'), null)],
    ['documents', orElse(request.get('documents'), null)],
    ['add_generation_prompt', orElse(request.get('add_generation_prompt'), true)],
    ['bos_token', textOf(request.get('bos_token')) ?? bos],
    ['eos_token', textOf(request.get('eos_token')) ?? eos],
  ]);
  const kwargs = request.get('kwargs');
  if (kwargs instanceof Dict)
    for (const [key, value] of kwargs.entries()) if (isText(key)) variables.set(plain(key), value);
  const now = clock(textOf(request.get('now')));
  return { text: plain(renderTemplate(compile(template), variables, now ? { now } : {})) };
}

/** The time on the wall that an ISO 8601 text names, wherever that wall is. */
function clock(text: string | null): Date | null {
  if (text === null) return null;
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?/.exec(text);
  if (match === null) throw refusal(`"now": ${JSON.stringify(text)}`, 'a time such as 2025-07-26T12:34:56');
  const [year, month, day, hour, minute, second] = match
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  return new Date(year!, month! - 1, day, hour, minute, second);
}

function parse(request: Dict, { template }: Source): Answer {
  const json = JSON.parse(textOfJson(request)) as Readonly<Record<string, unknown>>;
  if (typeof json.output !== 'string') throw refusal('"output" that is no text', 'a text');
  return readAnswer({ ...json, prompt_end: promptEndOf(request, template, compile) }, template);
}

function textOfJson(request: Dict): string {
  return plain(compile('{{ r|tojson }}').render(new Map([['r', request]])));
}
