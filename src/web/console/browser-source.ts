/** Answers from the engine in this browser. */
import type { Prompt } from '../../runtime/types.js';
import { ensureModel, type Generation, generate } from '../engine/engine.js';
import { type Answer, type AnswerEvent, endNote, type Said, type Settings, type Source } from './source.js';

export const browserSource: Source = { ask: (turns, settings) => new BrowserAnswer(turns, settings) };

class BrowserAnswer implements Answer {
  private readonly settings: Settings;
  private readonly events: AnswerEvent[] = [];
  private failure: { readonly error: unknown } | null = null;
  private wake: () => void = () => undefined;
  private turns: readonly Said[];
  private text = '';
  private generation: Generation | null = null;
  /** What the answer is steered to as soon as the generation under way has ended. */
  private steering: string | null = null;
  private isOver: boolean = false;

  constructor(turns: readonly Said[], settings: Settings) {
    this.turns = turns;
    this.settings = settings;
    this.run().catch((error: unknown) => {
      this.failure = { error };
      this.wake();
    });
  }

  cancel(): void {
    this.generation?.cancel();
  }

  steer(text: string): Promise<void> {
    if (this.isOver) return Promise.reject(new Error('The answer has ended: send it as a new message.'));
    this.steering = text;
    this.generation?.cancel();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerEvent, void, void> {
    for (let next = 0; ; next++) {
      while (next >= this.events.length) {
        if (this.failure !== null) throw this.failure.error;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      const event = this.events[next]!;
      yield event;
      if (event.type === 'end') return;
    }
  }

  private async run(): Promise<void> {
    const { hasChatTemplate } = await ensureModel();
    const { maxTokens, temperature, topP, frequencyPenalty, seed, system } = this.settings;
    const options = {
      maxTokens,
      ...(temperature !== null && { temperature }),
      ...(topP !== null && { topP }),
      ...(frequencyPenalty !== null && { frequencyPenalty }),
      ...(seed !== null && { seed }),
    };
    for (;;) {
      this.text = '';
      this.generation = generate(promptOf(this.turns, system, hasChatTemplate), options, (text, ids) => {
        this.text += text;
        this.push({ type: 'text', text });
        this.push({ type: 'tokens', count: ids.length });
      });
      const { finishReason, simulated } = await this.generation.end;
      const { steering } = this;
      if (steering === null) {
        this.isOver = true;
        this.push({ type: 'end', note: endNote(finishReason), simulated });
        return;
      }
      this.steering = null;
      this.turns = [...this.turns, { role: 'assistant', text: this.text }, { role: 'user', text: steering }];
      this.push({ type: 'steered' });
    }
  }

  private push(event: AnswerEvent): void {
    this.events.push(event);
    this.wake();
  }
}

/** A model without a chat template goes on with the text as it stands. */
function promptOf(turns: readonly Said[], system: string, hasChatTemplate: boolean): Prompt {
  if (!hasChatTemplate) return turns.map(({ text }) => text).join('');
  const said: readonly Said[] = system === '' ? turns : [{ role: 'system', text: system }, ...turns];
  return said.map(({ role, text }) => ({ role, content: text }));
}
