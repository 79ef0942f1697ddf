/** Conversations that the server keeps, and responses in the background, with OpenAI's own client. */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { testServer } from '../server/server.js';
import { scriptedServer } from './scripted.js';

const clientOf = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });

describe('a conversation', () => {
  it('is what responses begin with and add to', async () => {
    const { url, seen } = await scriptedServer((_prompt, turn) => `answer ${turn}`);
    const client = clientOf(url);
    const { id } = await client.conversations.create({
      items: [{ type: 'message', role: 'user', content: 'first' }],
      metadata: { topic: 'x' },
    });
    const response = await client.responses.create({ model: 'null', conversation: id, input: 'second' });
    expect(response.conversation).toEqual({ id });
    await client.responses.create({ model: 'null', conversation: { id }, input: 'third', stream: false });
    expect(seen[1]!.prompt).toMatch(/first[\s\S]*second[\s\S]*answer 0[\s\S]*third/);
    const items = await client.conversations.items.list(id, { order: 'asc' });
    expect(items.data.map((item) => ('content' in item ? item.content : null))).toMatchObject([
      [{ text: 'first' }],
      [{ text: 'second' }],
      [{ text: 'answer 0' }],
      [{ text: 'third' }],
      [{ text: 'answer 1' }],
    ]);
  });

  it('is read, changed and deleted, and so are its items', async () => {
    const { url } = await scriptedServer('ok');
    const client = clientOf(url);
    const { id } = await client.conversations.create({ metadata: { topic: 'x' } });
    expect(await client.conversations.retrieve(id)).toMatchObject({ id, metadata: { topic: 'x' } });
    await client.conversations.update(id, { metadata: { topic: 'y' } });
    expect((await client.conversations.retrieve(id)).metadata).toEqual({ topic: 'y' });
    const { data } = await client.conversations.items.create(id, {
      items: ['a', 'b'].map((content) => ({ type: 'message', role: 'user', content })),
    });
    const [first, second] = data;
    expect(await client.conversations.items.retrieve(first!.id!, { conversation_id: id })).toEqual(first);
    await client.conversations.items.delete(first!.id!, { conversation_id: id });
    expect((await client.conversations.items.list(id)).data).toEqual([second]);
    expect(await client.conversations.delete(id)).toMatchObject({ deleted: true });
    await expect(client.conversations.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const unknown = client.responses.create({ model: 'null', conversation: id, input: 'x' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'conversation_not_found' });
  });

  it('is not to be given with a previous response', async () => {
    const { url } = await scriptedServer('ok');
    const client = clientOf(url);
    const { id } = await client.conversations.create({});
    const { id: previous } = await client.responses.create({ model: 'null', input: 'x' });
    const both = { model: 'null', input: 'x', conversation: id, previous_response_id: previous };
    await expect(client.responses.create(both)).rejects.toMatchObject({ status: 400 });
  });
});

describe('a response in the background', () => {
  it('is asked for until it is there', async () => {
    const { url } = await scriptedServer('done', { engine: { delayMs: 150 } });
    const client = clientOf(url);
    const made = await client.responses.create({ model: 'null', input: 'x', background: true });
    expect(made).toMatchObject({ status: 'queued', background: true, output: [] });
    let response = await client.responses.retrieve(made.id);
    while (response.status === 'queued' || response.status === 'in_progress') {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response = await client.responses.retrieve(made.id);
    }
    expect(response).toMatchObject({ status: 'completed', output_text: 'done' });
  });

  it('is streamed on from any event, also when it is over', async () => {
    const { url } = await scriptedServer('a text of several pieces', { engine: { delayMs: 150 } });
    const client = clientOf(url);
    const stream = await client.responses.create({
      model: 'null',
      input: 'x',
      background: true,
      stream: true,
    });
    let id = '';
    let last = -1;
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id;
      last = event.sequence_number;
      if (last === 1) break;
    }
    const rest: string[] = [];
    for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: last })) {
      expect(event.sequence_number).toBe(++last);
      rest.push(event.type);
    }
    expect(rest.at(-1)).toBe('response.completed');
    let text = '';
    for await (const event of await client.responses.retrieve(id, { stream: true }))
      if (event.type === 'response.output_text.delta') text += event.delta;
    expect(text).toBe('a text of several pieces');
  });

  it('can be cancelled, and has to be stored', async () => {
    const { url } = await testServer({}, { tokensPerSecond: 20 });
    const client = clientOf(url);
    const { id } = await client.responses.create({ model: 'null', input: 'x', background: true });
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
    const unstored = client.responses.create({ model: 'null', input: 'x', background: true, store: false });
    await expect(unstored).rejects.toMatchObject({ status: 400 });
  });

  it('only is streamed afterwards', async () => {
    const { url } = await scriptedServer('ok');
    const client = clientOf(url);
    const { id } = await client.responses.create({ model: 'null', input: 'x' });
    await expect(client.responses.retrieve(id, { stream: true })).rejects.toMatchObject({ status: 400 });
  });
});
