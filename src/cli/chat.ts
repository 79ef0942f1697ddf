/** `waferflow chat`: a conversation in the terminal. */
import { createInterface, type Interface } from 'node:readline/promises';
import type { Command } from 'commander';
import { messageOf, WaferflowError } from '../core/errors.js';
import type { ChatMessage, Engine } from '../index.js';
import { validateGenerate } from '../runtime/engine/options.js';
import type { GenerateOptions, Prompt } from '../runtime/types.js';
import { Interrupted, interruptible } from './interrupt.js';
import {
  addEngineOptions,
  addSamplingOptions,
  type EngineFlags,
  generateOptions,
  MAX_ANSWER_TOKENS,
  type SamplingFlags,
} from './options.js';
import { dim, printable } from './output.js';
import { obtain } from './pull.js';
import { loadWithProgress } from './run.js';

interface ChatFlags extends EngineFlags, SamplingFlags {
  readonly system?: string;
}

/** Where neither the user nor the model's maker says one. */
const TEMPERATURE = 0.7;

const HELP =
  '/reset forgets the conversation, /exit ends it; Ctrl-C stops an answer, at the prompt it quits.';

export function registerChat(program: Command): void {
  const command = addEngineOptions(program.command('chat'))
    .description('a conversation in the terminal')
    .option('--system <text>', 'instructions to the model, before the conversation');
  addSamplingOptions(command, { maxTokens: `${MAX_ANSWER_TOKENS}`, temperature: TEMPERATURE })
    .addHelpText('after', `\nExample:\n  $ waferflow chat --temperature 0.5\n\n${HELP}`)
    .action((flags: ChatFlags) => chat(flags));
}

async function chat(flags: ChatFlags): Promise<void> {
  const given = generateOptions(flags);
  validateGenerate(given);
  const engine = await interruptible(async (signal) =>
    loadWithProgress(await obtain(flags.model, signal), flags, signal),
  );
  const recommends = Object.keys(engine.info.sampling).length > 0;
  const options = {
    maxTokens: MAX_ANSWER_TOKENS,
    ...(!recommends && { temperature: TEMPERATURE }),
    ...given,
  };
  const isTerminal = process.stdin.isTTY;
  const lines = createInterface({
    input: process.stdin,
    ...(isTerminal && { output: process.stdout }),
    prompt: '> ',
  });
  try {
    await converse(engine, options, flags.system, lines);
  } finally {
    lines.close();
    await engine.close();
  }
}

async function converse(
  engine: Engine,
  options: GenerateOptions,
  system: string | undefined,
  lines: Interface,
): Promise<void> {
  const isChatModel = engine.tokenizer.chatTemplate !== null;
  console.error(
    isChatModel
      ? `${engine.info.name}. ${HELP}`
      : `${engine.info.name} is a completion model without a chat template: it goes on with the text so far. ${HELP}`,
  );
  const start: readonly ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let messages = [...start];
  let stop: AbortController | null = null;
  let quit = false;
  const onInterrupt = (): void => {
    if (stop) {
      stop.abort();
      return;
    }
    quit = true;
    lines.close();
  };
  // On a terminal readline takes Ctrl-C for itself; elsewhere the signal reaches the process.
  lines.on('SIGINT', onInterrupt);
  process.on('SIGINT', onInterrupt);
  try {
    lines.prompt();
    for await (const line of lines) {
      const text = line.trim();
      if (text === '/exit' || text === '/quit') return;
      if (text === '/help') console.error(HELP);
      else if (text === '/reset') messages = [...start];
      else if (text !== '') {
        stop = new AbortController();
        messages.push({ role: 'user', content: line });
        const answer = await answerTo(engine, messages, { ...options, signal: stop.signal });
        stop = null;
        if (answer === null) messages.pop();
        else messages.push({ role: 'assistant', content: answer });
      }
      lines.prompt();
    }
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  if (quit) throw new Interrupted();
}

/** Streams the answer; null, with a message, where the conversation cannot go on like this. */
async function answerTo(
  engine: Engine,
  messages: readonly ChatMessage[],
  options: GenerateOptions,
): Promise<string | null> {
  const { stdout } = process;
  const prompt: Prompt =
    engine.tokenizer.chatTemplate === null ? messages.map(({ content }) => content).join('\n') : messages;
  try {
    let answer = '';
    for await (const chunk of engine.generate(prompt, options)) {
      if (chunk.done) {
        const note = chunk.finishReason === 'stop' ? '' : ` (${chunk.finishReason})`;
        stdout.write(`${dim(note, stdout)}\n`);
        return answer;
      }
      answer += chunk.text;
      stdout.write(printable(chunk.text, stdout));
    }
    return answer;
  } catch (thrown) {
    if (!(thrown instanceof WaferflowError)) throw thrown;
    console.error(`${messageOf(thrown)} /reset starts again.`);
    return null;
  }
}
