/** A conversation with a model: what was said, how it is answered, and how it is kept. */
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { Engine } from '../index.js';
import { fileError } from '../platform/node/file-source.js';
import { writeFileAtomic } from '../platform/node/write-file.js';
import type { GenerateOptions } from '../runtime/types.js';
import { ChatSession, type Message, type SessionEvent, type SessionTool } from '../session/index.js';

const call = z.object({ id: z.string(), name: z.string(), arguments: z.string() });
const saved = z.object({
  model: z.string(),
  messages: z.array(
    z.object({
      role: z.enum(['system', 'user', 'assistant', 'tool']),
      content: z.string(),
      reasoning: z.string().exactOptional(),
      toolCalls: z.array(call).exactOptional(),
      toolCallId: z.string().exactOptional(),
    }),
  ),
});

export class Conversation extends ChatSession {
  private readonly model: Engine;

  constructor(engine: Engine, system: string | undefined, tools: readonly SessionTool[] = []) {
    super(engine, { tools, ...(system !== undefined && { system }) });
    this.model = engine;
  }

  /** Forgets all but the instructions. */
  reset(): void {
    this.messages = this.messages.filter(({ role }) => role === 'system');
  }

  /** Says something; a model without a chat template goes on with the text so far. */
  override send(text: string, options: GenerateOptions): AsyncGenerator<SessionEvent, void, void> {
    return this.model.tokenizer.chatTemplate === null ? this.goOn(text, options) : super.send(text, options);
  }

  private async *goOn(text: string, options: GenerateOptions): AsyncGenerator<SessionEvent, void, void> {
    const messages: Message[] = [...this.messages, { role: 'user', content: text }];
    for await (const chunk of this.model.generate(plain(messages), options)) {
      if (!chunk.done) {
        yield { type: 'text', text: chunk.text };
        continue;
      }
      this.messages = [...messages, { role: 'assistant', content: chunk.text }];
      const { text: answer, finishReason, timings } = chunk;
      yield { type: 'end', text: answer, finishReason, timings };
    }
  }

  /**
   * Leaves out what was said first until what is said next and an answer have room in the context.
   * @returns how many messages went
   */
  shift(next: string, { maxTokens = 0 }: GenerateOptions): number {
    const { info, tokenizer } = this.model;
    const room = info.context - Math.min(maxTokens, info.context >> 2);
    const before = this.messages.length;
    const start = this.system === null ? 0 : 1;
    const tokens = (): number => {
      const messages: Message[] = [...this.messages, { role: 'user', content: next }];
      if (tokenizer.chatTemplate === null) return tokenizer.encode(plain(messages)).length;
      return tokenizer.encode(this.textOf(messages), { special: true, bos: false }).length;
    };
    // A question goes with all that it led to.
    while (this.messages.length > start && tokens() > room) {
      const end = this.messages.findIndex(({ role }, i) => i > start && role === 'user');
      this.messages.splice(start, (end < 0 ? this.messages.length : end) - start);
    }
    return before - this.messages.length;
  }

  /** Writes it to a file. @returns its path */
  async save(name: string): Promise<string> {
    const path = pathOf(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(
      path,
      `${JSON.stringify({ model: this.model.info.name, messages: this.messages }, null, 2)}\n`,
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

/** What a model without a chat template goes on with. */
function plain(messages: readonly Message[]): string {
  return messages.map(({ content }) => content).join('\n');
}
