/** One conversation: its turns, the answer under way, and what was measured of it. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { messageOf } from '../../core/errors.js';
import type { MeasuredMs } from '../../core/units.js';
import type { Answer, Settings, Source, Turn } from './source.js';

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

  readonly turns: ReadonlySignal<readonly Turn[]> = this.said;
  readonly figures: ReadonlySignal<Figures> = this.measured;
  /** Rate-limit headers of the server, as last heard. */
  readonly limits: ReadonlySignal<Readonly<Record<string, string>>> = this.left;
  readonly problem: ReadonlySignal<string | null> = this.trouble;

  get isRunning(): boolean {
    return this.running.value !== null;
  }

  async send(text: string, source: Source, settings: Settings): Promise<void> {
    if (this.running.peek() !== null) return;
    this.trouble.value = null;
    this.said.value = [...this.said.value, turn('user', text)];
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
        if (event.type === 'end') this.note(event.note);
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
    } catch (error) {
      this.note('broken off');
      this.trouble.value = messageOf(error);
    } finally {
      this.measured.value = { ...this.measured.value, queue: null };
      if (this.running.peek() === answer) this.running.value = null;
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

  clear(): void {
    this.cancel();
    this.said.value = [];
    this.measured.value = nothing;
    this.trouble.value = null;
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

let turns = 0;

function turn(role: Turn['role'], text: string): Turn {
  return { id: turns++, role, text, note: null };
}
