/** A steer that comes while a call is written waits for the call's output, in both forms. */
import { expect, it, onTestFinished } from 'vitest';
import { connect as connectClient } from '#src/client/index.js';
import type { GenerateChunk, GenerateOptions, Prompt } from '#src/index.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { testServer } from './server.js';
import { connect, isTerminal, responseOf } from './socket-client.js';

/** Answers with a call, and ends when it is released. */
class CallingEngine extends NullEngine {
  release: () => void = () => undefined;
  private readonly released = new Promise<void>((resolve) => {
    this.release = resolve;
  });

  override async *generate(
    prompt: Prompt,
    options: GenerateOptions = {},
  ): AsyncGenerator<GenerateChunk, void, void> {
    for await (const chunk of super.generate(prompt, { ...options, maxTokens: 1 })) {
      if (!chunk.done) yield { ...chunk, text: '{"name": "look", "arguments": {"at": 1}}' };
      else {
        await this.released;
        yield { ...chunk, finishReason: 'stop' };
      }
    }
  }
}

const tools = [{ type: 'function', name: 'look', parameters: { type: 'object' } }];

async function start() {
  const engine = new CallingEngine();
  const server = await testServer({ load: () => Promise.resolve(engine) });
  return { engine, url: server.url };
}

it('says which outputs it waits for, and goes in front of them', async () => {
  const { engine, url } = await start();
  const client = await connect(url);
  client.send({ type: 'response.create', input: 'what is there?', tools });
  const begun = await client.until(({ type }) => type === 'response.function_call_arguments.delta');
  const { id } = begun[0]!.response as { id: string };
  client.send({ type: 'response.steer', previous_response_id: id, input: 'be quick' });
  await client.until(({ type }) => type === 'response.steer.accepted');
  engine.release();
  const first = responseOf(await client.until(isTerminal));
  // The call is not cut in two.
  const [{ call_id }] = first.output as [{ call_id: string }];
  expect(first).toMatchObject({ id, status: 'completed', output: [{ type: 'function_call', name: 'look' }] });
  const [pending] = await client.until(({ type }) => type === 'response.steer.pending');
  expect(pending).toMatchObject({
    steer: { id: expect.any(String), previous_response_id: id },
    reason: 'waiting_for_required_input',
    required_input: [{ type: 'function_call_output', call_id }],
  });
  const output = { type: 'function_call_output', call_id, output: 'a door' };
  const second = responseOf(await client.respond({ previous_response_id: id, input: [output], tools }));
  expect(second).toMatchObject({ status: 'completed', previous_response_id: id });
  const { data } = (await (await fetch(`${url}/v1/responses/${second.id}/input_items?order=asc`)).json()) as {
    data: unknown[];
  };
  expect(data).toMatchObject([{ role: 'user', content: [{ text: 'be quick' }] }, output]);
});

it('tells the client library, whose response ends with the call', async () => {
  const { engine, url } = await start();
  const client = await connectClient({ url });
  onTestFinished(() => client.close());
  const stream = client.respond({ input: 'what is there?', tools });
  const types: string[] = [];
  let callIds: readonly string[] = [];
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === 'arguments') {
      await stream.steer('be quick');
      engine.release();
    }
    if (event.type === 'steerPending') callIds = event.callIds;
  }
  const { output, status } = await stream.response;
  expect(types.slice(-2)).toEqual(['steerPending', 'end']);
  expect(status).toBe('completed');
  expect(output).toMatchObject([{ type: 'function_call', call_id: callIds[0] }]);
});
