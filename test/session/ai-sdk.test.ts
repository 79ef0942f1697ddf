/** The Vercel AI SDK itself over an engine of this process. */
import { generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { load } from '#src/index.js';
import type { Engine } from '#src/runtime/types.js';
import { languageModel } from '#src/session/ai-sdk.js';
import { ScriptedEngine } from '../clients/scripted.js';

const weather = tool({
  description: 'the weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, degrees: 21 }),
});
const call = '{"name": "weather", "arguments": {"city": "Bern"}}';

describe('the AI SDK with a scripted model', () => {
  it('generates text, with usage and the reason of its end', async () => {
    const { text, usage, finishReason } = await generateText({
      model: languageModel(new ScriptedEngine('Hello, world.')),
      system: 'Be kind.',
      prompt: 'Say hello',
    });
    expect({ text, finishReason }).toEqual({ text: 'Hello, world.', finishReason: 'stop' });
    expect(usage.outputTokens).toBe(13);
    expect(usage.inputTokens).toBeGreaterThan(0);
  });

  it('calls a tool, whole and streamed, and gives its result back', async () => {
    const engine = (): ScriptedEngine =>
      new ScriptedEngine((_, turn) => (turn === 0 ? call : 'It is 21 degrees.'));
    const given = { tools: { weather }, stopWhen: stepCountIs(3), prompt: 'Weather in Bern?' };
    const whole = await generateText({ ...given, model: languageModel(engine()) });
    expect(whole.text).toBe('It is 21 degrees.');
    expect(whole.steps[0]?.toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Bern' } });
    const scripted = engine();
    const stream = streamText({ ...given, model: languageModel(scripted) });
    let text = '';
    for await (const piece of stream.textStream) text += piece;
    expect(text).toBe('It is 21 degrees.');
    expect(scripted.seen[1]?.prompt).toContain('"degrees":21');
  });

  it('says what it cannot read in a warning', async () => {
    const { warnings } = await generateText({
      model: languageModel(new ScriptedEngine('A cat?')),
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', image: new Uint8Array([0x89, 0x50, 0x4e, 0x47]) },
          ],
        },
      ],
    });
    expect(warnings).toEqual([expect.objectContaining({ type: 'unsupported' })]);
  });
});

describe('the AI SDK with a real engine', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await load();
  });
  afterAll(() => engine.close());

  it('writes an object of a schema, and stops at a signal', async () => {
    const model = languageModel(engine);
    const { output } = await generateText({
      model,
      prompt: 'A point',
      output: Output.object({ schema: z.object({ x: z.literal(1), name: z.enum(['a', 'b']) }) }),
      maxOutputTokens: 64,
    });
    expect(output).toMatchObject({ x: 1 });
    const stop = new AbortController();
    const stream = streamText({ model, prompt: 'function', maxOutputTokens: 400, abortSignal: stop.signal });
    let pieces = 0;
    for await (const _ of stream.textStream) if (++pieces === 3) stop.abort();
    expect(pieces).toBeLessThan(100);
  });
});
