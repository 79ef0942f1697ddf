/** One conversation: its turns, the answer under way, and what was measured of it. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { messageOf } from '../../core/errors.js';
import type { MeasuredMs } from '../../core/units.js';
import { type Chat, keepChat, newId } from './history.js';
import type { Answer, Settings, Source, Took, Turn } from './source.js';

/** All of it measured in this browser, the way to the server included. */
export interface Figures {
  readonly ttftMs: MeasuredMs | null;
  readonly tokens: number;
  readonly tokensPerSecond: number | null;
  /** Requests in front; null when it is not waiting. */
  readonly queue: number | null;
}

const nothing: Figures = { ttftMs: null, tokens: 0, tokensPerSecond: null, queue: null };

export class Conversation {
  private readonly said = signal<readonly Turn[]>([]);
  private readonly measured = signal<Figures>(nothing);
  private readonly left = signal<Readonly<Record<string, string>>>({});
  private readonly trouble = signal<string | null>(null);
  private readonly running = signal<Answer | null>(null);

  private id = newId();

  readonly turns: ReadonlySignal<readonly Turn[]> = this.said;
  readonly figures: ReadonlySignal<Figures> = this.measured;
  /** Rate-limit headers of the server, as last heard. */
  readonly limits: ReadonlySignal<Readonly<Record<string, string>>> = this.left;
  readonly problem: ReadonlySignal<string | null> = this.trouble;

  get isRunning(): boolean {
    return this.running.value !== null;
  }

  /** Asks with one more turn of the user. */
  async send(text: string, source: Source, settings: Settings): Promise<void> {
    if (this.running.peek() !== null) return;
    this.said.value = [...this.said.value, turn('user', text)];
    await this.answer(source, settings);
  }

  /** Drops the last answer and asks for another one. */
  async again(source: Source, settings: Settings): Promise<void> {
    if (this.running.peek() !== null) return;
    const last = this.said.value.findLastIndex(({ role }) => role === 'user');
    this.said.value = this.said.value.slice(0, last + 1);
    if (last >= 0) await this.answer(source, settings);
  }

  /** Takes back a turn of the user and all after it; returns what it said, to be said differently. */
  takeBack(id: number): string {
    const at = this.said.value.findIndex((one) => one.id === id);
    if (at < 0 || this.running.peek() !== null) return '';
    const { text } = this.said.value[at]!;
    this.said.value = this.said.value.slice(0, at);
    this.trouble.value = null;
    this.keep();
    return text;
  }

  private async answer(source: Source, settings: Settings): Promise<void> {
    this.trouble.value = null;
    const asked = this.said.value;
    this.said.value = [...asked, turn('assistant', '')];
    const startMs = performance.now();
    let firstMs: number | null = null;
    let lastMs = 0;
    let tokens = 0;
    this.measured.value = nothing;
    let answer: Answer | null = null;
    try {
      answer = source.ask(asked, settings);
      this.running.value = answer;
      for await (const event of answer) {
        const now = performance.now();
        if (event.type === 'queued') this.measured.value = { ...this.measured.value, queue: event.position };
        if (event.type === 'limits') this.left.value = { ...this.left.value, ...event.headers };
        if (event.type === 'steered') this.said.value = [...this.said.value, turn('assistant', '')];
        if (event.type === 'end') {
          const { note, simulated } = event;
          this.changeAnswer((last) => ({ ...last, note, simulated }));
        }
        if (event.type === 'text') {
          firstMs ??= now;
          lastMs = now;
          this.append(event.text);
        }
        if (event.type === 'tokens') tokens += event.count;
        if (firstMs === null || (event.type !== 'text' && event.type !== 'tokens')) continue;
        const seconds = (lastMs - firstMs) / 1000;
        this.measured.value = {
          ttftMs: firstMs - startMs,
          tokens,
          tokensPerSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null,
          queue: null,
        };
      }
      this.tookNow();
    } catch (error) {
      this.tookNow();
      this.note('broken off');
      this.trouble.value = messageOf(error);
    } finally {
      this.measured.value = { ...this.measured.value, queue: null };
      if (this.running.peek() === answer) this.running.value = null;
      this.keep();
    }
  }

  async steer(text: string): Promise<void> {
    const answer = this.running.peek();
    if (answer === null) return;
    this.trouble.value = null;
    try {
      await answer.steer(text);
      // The answer that was going on is the last turn; the steer follows it.
      this.said.value = [...this.said.value, turn('user', text)];
    } catch (error) {
      this.trouble.value = messageOf(error);
    }
  }

  cancel(): void {
    this.running.peek()?.cancel();
  }

  /** Starts afresh; what was said stays in the history. */
  clear(): void {
    this.open({ id: newId(), turns: [] });
  }

  /** Goes on with a conversation of the history. */
  open({ id, turns }: Chat): void {
    this.cancel();
    this.id = id;
    this.said.value = turns.map((one) => ({ ...one, id: numbers++ }));
    this.measured.value = nothing;
    this.trouble.value = null;
  }

  private keep(): void {
    keepChat({ id: this.id, turns: this.said.value });
  }

  private tookNow(): void {
    const { ttftMs, tokens, tokensPerSecond } = this.measured.value;
    if (ttftMs === null) return;
    const took: Took = { ttftMs, tokens, tokensPerSecond };
    this.changeAnswer((last) => ({ ...last, took }));
  }

  private append(text: string): void {
    this.changeAnswer((answer) => ({ ...answer, text: answer.text + text }));
  }

  private note(note: string | null): void {
    this.changeAnswer((answer) => ({ ...answer, note }));
  }

  /** Changes the last answer, which a steer may follow already. */
  private changeAnswer(change: (answer: Turn) => Turn): void {
    const at = this.said.value.findLastIndex(({ role }) => role === 'assistant');
    this.said.value = this.said.value.map((one, index) => (index === at ? change(one) : one));
  }
}

let numbers = 0;

function turn(role: Turn['role'], text: string): Turn {
  return { id: numbers++, role, text, note: null, took: null, simulated: [] };
}
