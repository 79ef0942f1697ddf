/** Who really writes: the engine in this browser, or the server that the page came from. */
import type { Client } from '../../client/index.js';
import type { MeasuredMs } from '../../core/units.js';
import type { GenerateTimings } from '../../runtime/types.js';
import { ensureModel, generate } from '../engine/engine.js';
import { apiKey } from '../serves.js';

export interface Written {
  readonly tokens: number;
  /** From the start to the first token, as seen here. */
  readonly ttftMs: MeasuredMs;
  readonly tokensPerSecond: number;
  /** What made it faster than a first run, for people; empty where nothing did. */
  readonly helped: string;
}

export interface Writing {
  readonly end: Promise<Written>;
  cancel(): void;
}

export interface Writer {
  readonly title: string;
  /** Everything that has to be there before the clock starts. */
  prepare(): Promise<void>;
  write(prompt: string, maxTokens: number, onText: (text: string, tokens: number) => void): Writing;
}

const frequencyPenalty = 0.3;

export const browserWriter: Writer = {
  title: 'This browser',
  async prepare() {
    await ensureModel();
  },
  write(prompt, maxTokens, onText) {
    const { end, cancel } = generate(prompt, { maxTokens, frequencyPenalty }, (text, ids) =>
      onText(text, ids.length),
    );
    return {
      cancel,
      end: end.then(({ timings }) => ({
        tokens: timings.generatedTokens,
        ttftMs: timings.ttftMs,
        tokensPerSecond: timings.decodeTokensPerSecond,
        helped: helpedBy(timings),
      })),
    };
  },
};

function helpedBy({ cachedTokens, acceptedTokens }: GenerateTimings): string {
  return [
    ...(cachedTokens > 0 ? [`${cachedTokens} tokens of the prompt were known from before`] : []),
    ...(acceptedTokens > 0 ? [`${acceptedTokens} tokens were drafted from earlier text`] : []),
  ].join(', ');
}

let client: Client | null = null;

export const serverWriter: Writer = {
  title: 'This server',
  async prepare() {
    if (client !== null && client.state !== 'closed') return;
    const key = apiKey.value;
    const library = await import('../../client/index.js');
    const next = new library.Client({ url: location.origin, ...(key !== '' && { apiKey: key }) });
    await next.open();
    client = next;
  },
  write(prompt, maxTokens, onText) {
    const startMs = performance.now();
    const stream = client!.respond({
      input: prompt,
      max_output_tokens: maxTokens,
      temperature: 0,
      store: false,
      // A piece of text may be several tokens; with their probabilities they can be counted.
      include: ['message.output_text.logprobs'],
    });
    const end = async (): Promise<Written> => {
      let firstMs: number | null = null;
      let lastMs = startMs;
      for await (const event of stream) {
        if (event.type !== 'text') continue;
        lastMs = performance.now();
        firstMs ??= lastMs;
        onText(event.text, event.logprobs?.length ?? 1);
      }
      const { usage } = await stream.response;
      const tokens = usage?.output_tokens ?? 0;
      const seconds = (lastMs - (firstMs ?? lastMs)) / 1000;
      return {
        tokens,
        ttftMs: (firstMs ?? lastMs) - startMs,
        tokensPerSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : 0,
        helped: '',
      };
    };
    return { end: end(), cancel: () => stream.cancel() };
  },
};
