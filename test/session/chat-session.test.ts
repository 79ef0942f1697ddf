/** A conversation in this process: functions are called and their results go back, and a failure leaves it as it was. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import type { Engine } from '#src/runtime/types.js';
import { ChatSession, type SessionEvent } from '#src/session/index.js';
import { ScriptedEngine } from '../clients/scripted.js';

const add = {
  name: 'add',
  description: 'the sum of two numbers',
  parameters: {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
    additionalProperties: false,
  },
  run: (args: unknown): number => {
    const { a, b } = args as { a: number; b: number };
    if (a > 99) throw new Error('too large');
    return a + b;
  },
};
const call = (a: number): string => JSON.stringify({ name: 'add', arguments: { a, b: 3 } });

async function all(events: AsyncIterable<SessionEvent>): Promise<SessionEvent[]> {
  const list: SessionEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

describe('a session with a scripted model', () => {
  it('calls a function, gives its result back and ends with the answer', async () => {
    const engine = new ScriptedEngine((_, turn) => (turn === 0 ? call(2) : 'It is 5.'));
    const session = new ChatSession(engine, { system: 'Be brief.', tools: [add] });
    const events = await all(session.send('What is 2 + 3?'));
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['call', 'result', 'text', 'end']));
    expect(events.find(({ type }) => type === 'result')).toMatchObject({ content: '5', isError: false });
    expect(events.at(-1)).toMatchObject({ type: 'end', text: 'It is 5.', finishReason: 'stop' });
    expect(session.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'assistant',
    ]);
    expect(engine.seen[1]?.prompt).toContain('5');
    expect(await session.ask('And again?')).toBe('It is 5.');
  });

  it('tells the model what a function threw, that there is no such function, or that its arguments are no JSON', async () => {
    const said = [call(100), '{"name": "add", "arguments": {"a": 1, "b": 1}}', 'Sorry.'];
    const engine = new ScriptedEngine((_, turn) => said[turn] ?? '');
    const events = await all(new ChatSession(engine, { tools: [add] }).send('100 + 3?'));
    const results = events.flatMap((event) => (event.type === 'result' ? [event] : []));
    expect(results.map(({ isError }) => isError)).toEqual([true, false]);
    expect(results[0]?.content).toContain('too large');
  });

  it('ends with an error where the model never stops calling, and the conversation is as before', async () => {
    const session = new ChatSession(new ScriptedEngine(call(1)), { tools: [add], maxRounds: 3 });
    await expect(session.ask('go')).rejects.toThrow('maxRounds');
    expect(session.messages).toEqual([]);
  });

  it('forgets a turn that is left before its end', async () => {
    const session = new ChatSession(new ScriptedEngine('a long answer of many words'));
    for await (const event of session.send('hello')) if (event.type === 'text') break;
    expect(session.messages).toEqual([]);
  });

  it('refuses two functions of one name', () => {
    expect(() => new ChatSession(new ScriptedEngine(''), { tools: [add, add] })).toThrow('add');
  });
});

describe('a session with a real engine', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await load();
  });
  afterAll(() => engine.close());

  it('calls the function that it must call, with arguments of its schema', async () => {
    const seen: unknown[] = [];
    const tool = {
      ...add,
      parameters: { ...add.parameters, properties: { a: { enum: [1, 2] }, b: { enum: [3] } } },
      run: (args: unknown) => seen.push(args),
    };
    const session = new ChatSession(engine, { tools: [tool], options: { maxTokens: 64 } });
    const events = await all(session.send('Add one and three.', { toolChoice: 'required' }));
    expect(events.some(({ type }) => type === 'result')).toBe(true);
    expect(seen[0]).toMatchObject({ b: 3 });
    expect(events.at(-1)?.type).toBe('end');
  });
});
