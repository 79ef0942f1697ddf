/** A model in this very process, on waferflow's engine. */
import type { ChatMessage, Engine } from '../waferflow.js';
import { type FillIn, MAX_CHAT_TOKENS, type Piece, type Source } from './source.js';

/** A base model without a chat template writes a transcript, which ends where the next turn would begin. */
const NEXT_TURN = '\nUser:';

/** glint, of 5.8 M, begins 14 lines of 80 right by going on and none by filling in. */
const SMALL = 50e6;

/** Takes the engine over: `close` closes it. */
export function embeddedSource(engine: Engine): Source {
  const { tokenizer, info } = engine;
  return {
    name: `${info.name}, in this editor`,
    isSmall: info.parameters < SMALL,
    fillIn: (request, signal) =>
      answer(engine, promptOf(engine, request), {
        maxTokens: request.maxTokens,
        stop: request.stop,
        // The likeliest, with the penalties that its maker recommends against loops.
        ...info.sampling,
        temperature: 0,
        signal,
      }),
    chat: (messages, signal) =>
      answer(engine, messages, {
        maxTokens: MAX_CHAT_TOKENS,
        ...(tokenizer.chatTemplate === null && { stop: NEXT_TURN }),
        signal,
      }),
    close: () => engine.close(),
  };
}

/** A model that was not trained to fill in goes on with the text before the cursor, too. */
function promptOf({ tokenizer }: Engine, { prefix, suffix }: FillIn): number[] {
  const { fim, addBos, bosId } = tokenizer;
  const before = tokenizer.encode(prefix, { bos: false });
  const bos = addBos && bosId !== null ? [bosId] : [];
  if (fim === null || suffix === null) return [...bos, ...before];
  const behind = tokenizer.encode(suffix, { bos: false });
  return [...bos, fim.prefix, ...before, fim.suffix, ...behind, fim.middle];
}

async function* answer(
  engine: Engine,
  prompt: readonly number[] | readonly ChatMessage[],
  options: Parameters<Engine['generate']>[1],
): AsyncGenerator<Piece> {
  for await (const chunk of engine.generate(prompt, options)) {
    if (!chunk.done) {
      yield { kind: 'text', text: chunk.text };
      continue;
    }
    const { timings } = chunk;
    const facts = {
      tokens: timings.generatedTokens,
      tokensPerSecond: timings.decodeTokensPerSecond || null,
      // Of the last piece only, and only where somebody looks: the planner takes its time.
      get simulated() {
        return chunk.simulated;
      },
    };
    yield { kind: 'facts', facts };
  }
}
