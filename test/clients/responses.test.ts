/** What clients of the Responses API rely on, with OpenAI's SDK or the bytes that they send. */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { connect } from '#src/client/index.js';
import { post, scriptedServer } from './scripted.js';

const clientOf = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });

describe('references to items', () => {
  it('stand for what was said, as the Vercel AI SDK sends it', async () => {
    const { url, seen } = await scriptedServer((_prompt, turn) => `ANSWER ${turn}`);
    const client = clientOf(url);
    const first = await client.responses.create({ model: 'null', input: 'who?' });
    const second = await client.responses.create({
      model: 'null',
      input: [
        { role: 'user', content: 'who?' },
        { type: 'item_reference', id: first.output[0]!.id! },
        { role: 'user', content: 'again' },
      ],
    });
    expect(second).toMatchObject({ waferflow: { ignored: [] } });
    expect(seen[1]!.prompt).toMatch(/who\?.*ANSWER 0.*again/s);
    // Without a type, an id alone is a reference too; a reference may lead to one that was itself referred to.
    const third = { input: [{ id: first.output[0]!.id }, { role: 'user', content: 'more' }] };
    expect((await post(`${url}/v1/responses`, third)).status).toBe(200);
    expect(seen[2]!.prompt).toContain('ANSWER 0');
  });

  it('stand for calls, as AI SDK 5 sends them', async () => {
    const { url, seen } = await scriptedServer((_prompt, turn) =>
      turn === 0 ? '{"name": "weather", "arguments": {"city": "Bern"}}' : 'sunny',
    );
    const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object' } }];
    const { body } = await post(`${url}/v1/responses`, { input: 'warm?', tools });
    const { output } = body as { output: { id: string; call_id: string }[] };
    const input = [
      { role: 'user', content: 'warm?' },
      { type: 'item_reference', id: output[0]!.id },
      { type: 'function_call_output', call_id: output[0]!.call_id, output: '20' },
    ];
    expect(await post(`${url}/v1/responses`, { input, tools })).toMatchObject({ status: 200 });
    expect(seen[1]!.prompt).toContain('"Bern"');
  });

  it('to what is not known, or was deleted, or is not kept, are refused', async () => {
    const { url } = await scriptedServer('hi');
    const client = clientOf(url);
    const gone = await client.responses.create({ model: 'null', input: 'a' });
    await client.responses.delete(gone.id);
    const unkept = await client.responses.create({ model: 'null', input: 'a', store: false });
    for (const id of ['msg_nothing', gone.output[0]!.id!, unkept.output[0]!.id!])
      await expect(
        client.responses.create({ model: 'null', input: [{ type: 'item_reference', id }] }),
      ).rejects.toMatchObject({ status: 404, code: 'item_not_found', param: 'input[0].id' });
  });

  it('are found on a connection, kept or not', async () => {
    const { url, seen } = await scriptedServer((_prompt, turn) => `ANSWER ${turn}`);
    const client = await connect({ url });
    const first = await client.respond({ input: 'who?', store: false }).response;
    const second = await client.respond({
      input: [
        { type: 'item_reference', id: first.output[0]!.id },
        { role: 'user', content: 'again' },
      ],
    }).response;
    expect(second.status).toBe('completed');
    expect(seen[1]!.prompt).toContain('ANSWER 0');
    client.close();
  });
});

describe('tools in namespaces', () => {
  // As Codex sends an MCP server.
  const tools = [
    {
      type: 'namespace',
      name: 'mcp__calc',
      description: 'Sums',
      tools: [
        { type: 'function', name: 'add', parameters: { type: 'object', properties: { a: {}, b: {} } } },
        { type: 'custom', name: 'note' },
      ],
    },
    { type: 'web_search' },
  ];

  it('are told to the model by one name, and called by both', async () => {
    const { url, seen } = await scriptedServer('{"name": "mcp__calc__add", "arguments": {"a": 1, "b": 2}}');
    const { body } = await post(`${url}/v1/responses`, { input: 'sum', tools });
    expect(body).toMatchObject({
      output: [{ type: 'function_call', namespace: 'mcp__calc', name: 'add', arguments: '{"a": 1, "b": 2}' }],
      tools: [{ type: 'namespace', name: 'mcp__calc', tools: [{ name: 'add' }, { name: 'note' }] }],
      waferflow: { ignored: ['tools[1]: web_search'] },
    });
    expect(seen[0]!.prompt).toContain('mcp__calc__add');
    const { output } = body as { output: { call_id: string }[] };
    const input = [...output, { type: 'function_call_output', call_id: output[0]!.call_id, output: '3' }];
    expect(await post(`${url}/v1/responses`, { input, tools })).toMatchObject({ status: 200 });
    expect(seen[1]!.prompt.match(/mcp__calc__add/g)!.length).toBeGreaterThan(1);
  });

  it('can be demanded', async () => {
    const { url, seen } = await scriptedServer('{"name": "mcp__calc__add", "arguments": {}}');
    for (const tool_choice of [
      { type: 'function', name: 'add', namespace: 'mcp__calc' },
      { type: 'function', name: 'mcp__calc__add' },
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'add' }] },
    ]) {
      expect(await post(`${url}/v1/responses`, { input: 'x', tools, tool_choice })).toMatchObject({
        status: 200,
      });
      const { grammar } = seen.at(-1)!.options;
      expect(JSON.stringify(grammar)).toContain('mcp__calc__add');
    }
  });
});

describe('custom tools', () => {
  const answer = '{"name": "patch", "arguments": {"input": "*** Begin\\n+x"}}';
  const tools: OpenAI.Responses.CustomTool[] = [
    {
      type: 'custom',
      name: 'patch',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "***"' },
    },
  ];

  it('give a text, whole and streamed', async () => {
    const { url, seen } = await scriptedServer(answer);
    const client = clientOf(url);
    const whole = await client.responses.create({ model: 'null', input: 'x', tools });
    const wanted = { type: 'custom_tool_call', name: 'patch', input: '*** Begin\n+x' };
    expect(whole.output).toMatchObject([wanted]);
    expect(seen[0]!.prompt).toContain('lark grammar');
    const types: string[] = [];
    const stream = client.responses.stream({ model: 'null', input: 'x', tools });
    for await (const event of stream) types.push(event.type);
    expect(types.filter((type) => type.includes('custom'))).toEqual([
      'response.custom_tool_call_input.delta',
      'response.custom_tool_call_input.done',
    ]);
    expect((await stream.finalResponse()).output).toMatchObject([wanted]);
  });

  it('take its result', async () => {
    const { url, seen } = await scriptedServer((_prompt, turn) => (turn === 0 ? answer : 'done'));
    const client = clientOf(url);
    const first = await client.responses.create({ model: 'null', input: 'x', tools });
    const [call] = first.output;
    if (call?.type !== 'custom_tool_call') throw new Error('no custom call');
    const second = await client.responses.create({
      model: 'null',
      previous_response_id: first.id,
      input: [{ type: 'custom_tool_call_output', call_id: call.call_id, output: 'PATCHED' }],
      tools,
    });
    expect(second.output_text).toBe('done');
    expect(seen[1]!.prompt).toContain('PATCHED');
  });

  it('come over the binary socket as well', async () => {
    const { url } = await scriptedServer(answer);
    const client = await connect({ url });
    const { output } = await client.respond({ input: 'x', tools }).response;
    expect(output).toMatchObject([{ type: 'custom_tool_call', status: 'completed', input: '*** Begin\n+x' }]);
    client.close();
  });
});
