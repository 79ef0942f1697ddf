/** A conversation with a model: what was said, how it is answered, and how it is kept. */
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { ChatMessage, Engine } from '../index.js';
import { fileError } from '../platform/node/file-source.js';
import { writeFileAtomic } from '../platform/node/write-file.js';
import type { GenerateOptions, Prompt } from '../runtime/types.js';

const saved = z.object({
  model: z.string(),
  messages: z.array(z.object({ role: z.enum(['system', 'user', 'assistant', 'tool']), content: z.string() })),
});

export class Conversation {
  messages: ChatMessage[] = [];
  private readonly engine: Engine;

  constructor(engine: Engine, system: string | undefined) {
    this.engine = engine;
    if (system !== undefined) this.system = system;
  }

  get system(): string | null {
    const [first] = this.messages;
    return first?.role === 'system' ? first.content : null;
  }

  /** Instructions, from the next answer on; '' takes them away. */
  set system(text: string | null) {
    const rest = this.messages.filter(({ role }) => role !== 'system');
    this.messages = text ? [{ role: 'system', content: text }, ...rest] : rest;
  }

  /** Forgets all but the instructions. */
  reset(): void {
    this.messages = this.messages.filter(({ role }) => role === 'system');
  }

  /** What the engine is asked, where the model has no chat template the text so far. */
  prompt(): Prompt {
    const { chatTemplate } = this.engine.tokenizer;
    return chatTemplate === null ? this.messages.map(({ content }) => content).join('\n') : this.messages;
  }

  /**
   * Leaves out what was said first until an answer has room in the context.
   * @returns how many messages went
   */
  shift({ maxTokens = 0 }: GenerateOptions): number {
    const { info, tokenizer } = this.engine;
    const room = info.context - Math.min(maxTokens, info.context >> 2);
    const before = this.messages.length;
    const start = this.system === null ? 0 : 1;
    const tokens = (): number => {
      const prompt = this.prompt();
      return typeof prompt === 'string'
        ? tokenizer.encode(prompt).length
        : tokenizer.encode(tokenizer.applyChatTemplate(this.messages), { special: true, bos: false }).length;
    };
    // A question goes with its answer; the last question stays.
    while (this.messages.length - start > 2 && tokens() > room) this.messages.splice(start, 2);
    return before - this.messages.length;
  }

  /** Writes it to a file. @returns its path */
  async save(name: string): Promise<string> {
    const path = pathOf(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(
      path,
      `${JSON.stringify({ model: this.engine.info.name, messages: this.messages }, null, 2)}\n`,
    );
    return path;
  }

  /** Goes on with a saved one. @throws FormatError when there is none */
  async load(name: string): Promise<string> {
    const path = pathOf(name);
    const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
      throw fileError(path, thrown, 'a conversation that /save wrote');
    });
    const read = saved.safeParse(parseJson(text, path));
    if (!read.success) {
      throw new FormatError({
        what: path,
        given: read.error.issues[0]?.message ?? 'something else',
        expected: 'a conversation that /save wrote',
        todo: 'Choose another one.',
      });
    }
    this.messages = [...read.data.messages];
    return path;
  }
}

/** A name stands for a file among the saved ones; a path for itself. */
function pathOf(name: string): string {
  if (/[\\/]|\.json$/.test(name)) return name;
  const folder = process.env.WAFERFLOW_CHATS ?? join(homedir(), '.cache', 'waferflow', 'chats');
  return join(folder, `${name}.json`);
}
