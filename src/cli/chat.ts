/** `waferflow chat`: a conversation in the terminal. */
import type { Command } from 'commander';
import { messageOf, OptionError, WaferflowError } from '../core/errors.js';
import type { Engine } from '../index.js';
import { validateGenerate } from '../runtime/engine/options.js';
import type { GenerateOptions } from '../runtime/types.js';
import type { SessionTool } from '../session/index.js';
import { Conversation } from './conversation.js';
import { addFormOptions, type FormFlags, grammarOf } from './form.js';
import { Interrupted, interruptible } from './interrupt.js';
import {
  addEngineOptions,
  addSamplingOptions,
  addStopOption,
  type EngineFlags,
  generateOptions,
  MAX_ANSWER_TOKENS,
  type SamplingFlags,
} from './options.js';
import { dim, printable, say } from './output.js';
import { obtain } from './pull.js';
import { loadWithProgress } from './run.js';
import { Turns } from './turns.js';

interface ChatFlags extends EngineFlags, SamplingFlags, FormFlags {
  readonly system?: string;
  readonly mcp?: string;
}

/** Where neither the user nor the model's maker says one. */
const TEMPERATURE = 0.7;

const HELP = `/help lists the commands, /bye ends it; """ begins and ends a text of several lines; Ctrl-C stops an answer, at the prompt it quits.`;

export function registerChat(program: Command): void {
  const command = addEngineOptions(program.command('chat'))
    .description('a conversation in the terminal')
    .argument('[message]', 'what to begin with')
    .option('--system <text>', 'instructions to the model, before the conversation')
    .option('--mcp <file>', 'functions for the model: a JSON file that names MCP servers under mcpServers');
  addFormOptions(
    addSamplingOptions(addStopOption(command), {
      maxTokens: `${MAX_ANSWER_TOKENS}`,
      temperature: TEMPERATURE,
    }),
  )
    .addHelpText('after', `\nExample:\n  $ waferflow chat --temperature 0.5\n\n${HELP}`)
    .action((message: string | undefined, flags: ChatFlags) => chat(message, flags));
}

async function chat(message: string | undefined, flags: ChatFlags): Promise<void> {
  const given = generateOptions(flags);
  validateGenerate(given);
  const grammar = await grammarOf(flags);
  const engine = await interruptible(async (signal) =>
    loadWithProgress(await obtain(flags.model, signal), flags, signal),
  );
  const recommends = Object.keys(engine.info.sampling).length > 0;
  const options = {
    maxTokens: MAX_ANSWER_TOKENS,
    ...(!recommends && { temperature: TEMPERATURE }),
    ...given,
    ...(grammar && { grammar }),
  };
  try {
    await using mcp = flags.mcp === undefined ? null : await (await import('./mcp.js')).connectMcp(flags.mcp);
    await new Chat(engine, options, flags.system, mcp?.tools).run(message);
  } finally {
    await engine.close();
  }
}

/** What a command does with the rest of its line; true ends the conversation. */
type Action = (rest: string) => Promise<boolean> | boolean;

class Chat {
  private readonly engine: Engine;
  private readonly conversation: Conversation;
  private readonly tools: readonly SessionTool[];
  private options: GenerateOptions;
  private stop: AbortController | null = null;
  private hasQuit: boolean = false;

  private readonly commands: Readonly<Record<string, { readonly help: string; readonly act: Action }>> = {
    save: { help: 'NAME  keep the conversation', act: (name) => this.keep('save', name) },
    load: { help: 'NAME  go on with a kept one', act: (name) => this.keep('load', name) },
    system: {
      help: 'TEXT  instructions from here on; without a text those that hold',
      act: (text) => {
        if (text !== '') this.conversation.system = text;
        return tell(this.conversation.system ?? 'No instructions.');
      },
    },
    set: { help: 'OPTION VALUE  such as /set temperature 0.2', act: (rest) => this.set(rest) },
    show: { help: 'the model and what is set', act: () => this.show() },
    reset: {
      help: 'forget the conversation',
      act: () => {
        this.conversation.reset();
        return tell('The conversation is forgotten.');
      },
    },
    help: { help: 'this list', act: () => this.help() },
    bye: { help: 'end it', act: () => true },
  };

  constructor(
    engine: Engine,
    options: GenerateOptions,
    system: string | undefined,
    tools: readonly SessionTool[] = [],
  ) {
    this.engine = engine;
    this.options = options;
    this.tools = tools;
    this.conversation = new Conversation(engine, system, tools);
  }

  async run(message: string | undefined): Promise<void> {
    const { info, tokenizer } = this.engine;
    console.error(
      tokenizer.chatTemplate !== null
        ? `${info.name}. ${HELP}`
        : `${info.name} is a completion model without a chat template: it goes on with the text so far. ${HELP}`,
    );
    const turns = new Turns(() => onInterrupt());
    const onInterrupt = (): void => {
      if (this.stop) {
        this.stop.abort();
        return;
      }
      this.hasQuit = true;
      turns.close();
    };
    process.on('SIGINT', onInterrupt);
    try {
      if (message !== undefined) await this.say(message, turns);
      for (let turn = await turns.next(); turn !== null; turn = await turns.next()) {
        if (turn.trim() === '') continue;
        if (await this.say(turn, turns)) return;
      }
    } finally {
      process.off('SIGINT', onInterrupt);
      turns.close();
    }
    if (this.hasQuit) throw new Interrupted();
  }

  /** Does what a turn asks for; true ends the conversation. */
  private async say(turn: string, turns: Turns): Promise<boolean> {
    const [, name, rest = ''] = /^\/([a-z?]+)(?:\s+([\s\S]*))?$/i.exec(turn.trim()) ?? [];
    if (name !== undefined) return this.obey(name.toLowerCase(), rest.trim());
    turns.hush();
    this.stop = new AbortController();
    await this.answer(turn, { ...this.options, signal: this.stop.signal });
    this.stop = null;
    return false;
  }

  private async obey(name: string, rest: string): Promise<boolean> {
    const known = { exit: 'bye', quit: 'bye', clear: 'reset', '?': 'help' }[name] ?? name;
    const command = Object.hasOwn(this.commands, known) ? this.commands[known] : undefined;
    if (command === undefined) return tell(`There is no command /${name}; /help lists them.`);
    try {
      return await command.act(rest);
    } catch (thrown) {
      if (!(thrown instanceof WaferflowError)) throw thrown;
      return tell(messageOf(thrown));
    }
  }

  private async keep(how: 'save' | 'load', name: string): Promise<boolean> {
    if (name === '') return tell(`Give it a name: /${how} NAME`);
    return tell(`${how === 'save' ? 'Kept in' : 'Going on with'} ${await this.conversation[how](name)}`);
  }

  private set(rest: string): boolean {
    const [name = '', text = ''] = rest.split(/\s+/, 2);
    const camel = name
      .replace(/^--/, '')
      .replace(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = text === '' ? Number.NaN : Number(text);
    if (Number.isNaN(value)) {
      throw new OptionError({
        what: '/set',
        given: JSON.stringify(rest),
        expected: 'the name of an option and a number',
        todo: 'Write, for example, /set temperature 0.2 or /set max-tokens 200.',
      });
    }
    const next = { ...this.options, [camel]: value };
    validateGenerate(next);
    this.options = next;
    return tell(`${camel} is ${value}.`);
  }

  private show(): boolean {
    const { info } = this.engine;
    const { signal: _, grammar, ...set } = this.options;
    return tell(
      [
        `model      ${info.name}, ${info.architecture}, context ${info.context}, licence ${info.licence ?? 'not said'}`,
        `options    ${JSON.stringify({ ...info.sampling, ...set })}${grammar ? `, held to ${grammar.type}` : ''}`,
        `system     ${this.conversation.system ?? 'none'}`,
        `messages   ${this.conversation.messages.length}`,
        ...(this.tools.length > 0 ? [`functions  ${this.tools.map(({ name }) => name).join(', ')}`] : []),
      ].join('\n'),
    );
  }

  private help(): boolean {
    const lines = Object.entries(this.commands).map(([name, { help }]) => `${`/${name}`.padEnd(9)}${help}`);
    return tell([...lines, HELP].join('\n'));
  }

  /** Streams the answer; says so where the conversation cannot go on like this. */
  private async answer(turn: string, options: GenerateOptions): Promise<void> {
    const { stdout, stderr } = process;
    const left = this.conversation.shift(turn, options);
    if (left > 0) tell(`(the context is full: the first ${left} messages are left out from here on)`);
    try {
      for await (const event of this.conversation.send(turn, options)) {
        if (event.type === 'text') stdout.write(printable(event.text, stdout));
        else if (event.type === 'reasoning') stderr.write(dim(printable(event.text, stderr), stderr));
        else if (event.type === 'call') aside(`\n${event.call.name} ${event.call.arguments}`);
        else if (event.type === 'result') aside(excerpt(event.content));
        else {
          const note = event.finishReason === 'stop' ? '' : `(${event.finishReason})`;
          // A note is none of the answer: it does not go into a file.
          stdout.write(note !== '' && stdout.isTTY ? ` ${dim(note, stdout)}\n` : '\n');
          if (note !== '' && !stdout.isTTY) console.error(note);
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof WaferflowError)) throw thrown;
      say(`${messageOf(thrown)} /reset starts again.`);
    }
  }
}

/** The first line of what a function returned. */
function excerpt(text: string): string {
  const [line = ''] = text.split('\n', 1);
  return line.length < text.length || line.length > 200 ? `${line.slice(0, 200)}...` : line;
}

/** Says what stands beside the answer. */
function aside(text: string): void {
  console.error(dim(printable(text, process.stderr), process.stderr));
}

/** Says something that is no answer; the conversation goes on. */
function tell(text: string): false {
  say(text);
  return false;
}
