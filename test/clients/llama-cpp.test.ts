/** What llama.cpp's own clients send: llama.vim, llama.vscode, SillyTavern, scripts. */
import { describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { testServer } from '../server/server.js';
import { post, scriptedServer } from './scripted.js';

const glint = () => testServer({ load: () => load(undefined, { workers: 1, kvTokens: 1024 }) });

describe('/completion', () => {
  it('is the same whole and streamed, with timings and settings', async () => {
    const { url } = await glint();
    const body = { prompt: 'const a = ', n_predict: 8, temperature: 0, return_tokens: true };
    const whole = await post(`${url}/completion`, body);
    expect(whole).toMatchObject({
      status: 200,
      body: {
        stop: true,
        stop_type: 'limit',
        truncated: false,
        tokens_predicted: 8,
        timings: { predicted_n: 8 },
        generation_settings: { n_predict: 8, seed: -1 },
      },
    });
    const { content, tokens } = whole.body as { content: string; tokens: number[] };
    expect(tokens).toHaveLength(8);
    const stream = await fetch(`${url}/completion`, {
      method: 'POST',
      body: JSON.stringify({ ...body, stream: true }),
    });
    const parts = (await stream.text())
      .trim()
      .split('\n\n')
      .map((frame) => JSON.parse(frame.replace(/^data: /, '')) as { content: string; stop: boolean });
    expect(parts.map((part) => part.content).join('')).toBe(content);
    expect(parts.map(({ stop }) => stop)).toEqual([...parts.slice(1).map(() => false), true]);
  });

  it('forbids tokens by their texts, and says how tokens were drawn', async () => {
    const { url } = await glint();
    const body = { prompt: 'export ', n_predict: 12, temperature: 0 };
    // The text of one token.
    const { body: made } = await post(`${url}/completion`, { ...body, n_predict: 1 });
    const first = (made as { content: string }).content;
    const logit_bias = { [first]: false };
    const other = await post(`${url}/completion`, { ...body, n_predict: 1, logit_bias });
    expect((other.body as { content: string }).content).not.toBe(first);
    const settings = { logit_bias: [{ bias: null }] };
    expect(other.body).toMatchObject({ generation_settings: settings });
    const open = await post(`${url}/completion`, { ...body, ignore_eos: true });
    expect(open.body).toMatchObject({ generation_settings: { ignore_eos: true, ...settings } });
    // Of one token there is no step between two.
    const one = await post(`${url}/completion`, { ...body, n_predict: 1 });
    expect(one.body).toMatchObject({ timings: { predicted_n: 1, predicted_per_second: 0 } });
  });

  it('says of a prompt that is too long what its clients look for', async () => {
    const { url } = await glint();
    const { status, body } = await post(`${url}/completion`, { prompt: 'const a = 1;\n'.repeat(2000) });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { type: 'exceed_context_size_error', code: 400 } });
    expect((body as { error: { message: string } }).error.message).toContain(
      'exceeds the available context size',
    );
  });

  it('takes ids, text between them, and several prompts', async () => {
    const { url, seen } = await scriptedServer('ok');
    const prompts = ['ab', [97, 98], ['a', 98], { prompt_string: 'ab' }];
    for (const prompt of prompts)
      expect(await post(`${url}/completion`, { prompt })).toMatchObject({ body: { content: 'ok' } });
    expect(new Set(seen.map(({ prompt }) => prompt))).toEqual(new Set(['ab']));
    const several = await post(`${url}/completion`, { prompt: prompts.slice(0, 2) });
    expect(several.body).toMatchObject([
      { content: 'ok', index: 0 },
      { content: 'ok', index: 1 },
    ]);
  });

  it('gives the fields that are asked for, and probabilities', async () => {
    const { url } = await glint();
    const body = { prompt: 'const a = ', n_predict: 3, n_probs: 4 };
    const { body: answer } = await post(`${url}/completion`, body);
    const { completion_probabilities: probabilities } = answer as {
      completion_probabilities: { id: number; top_logprobs: unknown[] }[];
    };
    expect(probabilities).toHaveLength(3);
    for (const { id, top_logprobs } of probabilities) {
      expect(id).toBeGreaterThanOrEqual(0);
      expect(top_logprobs).toHaveLength(4);
    }
    const fields = ['content', 'timings/predicted_n', 'nothing'];
    const { body: picked } = await post(`${url}/completion`, { ...body, response_fields: fields });
    expect(picked).toEqual({ content: expect.any(String), 'timings/predicted_n': 3 });
  });

  it('keeps a grammar, and refuses what it cannot keep', async () => {
    const { url } = await glint();
    const grammar = 'root ::= "yes" | "no"';
    const { body } = await post(`${url}/completion`, { prompt: 'x', grammar });
    expect(['yes', 'no']).toContain((body as { content: string }).content);
    for (const wrong of [{ grammar: 'root ::= (' }, { json_schema: { $ref: '#/x' } }, { mirostat: 2 }])
      expect((await post(`${url}/completion`, { prompt: 'x', ...wrong })).status).toBe(400);
  });
});

it('/infill fills in the middle, with other files in front', async () => {
  const { url, seen } = await scriptedServer('ok');
  const body = {
    input_prefix: 'PRE\n',
    prompt: 'LINE',
    input_suffix: 'SUF',
    input_extra: [{ filename: 'a.h', text: 'EXTRA' }],
  };
  expect(await post(`${url}/infill`, body)).toMatchObject({ body: { content: 'ok' } });
  expect(seen[0]!.prompt).toContain('a.h\nEXTRA\nPRE\nLINE');
  expect(seen[0]!.prompt).toContain('SUF');
  for (const extra of [{}, { filename: 'x' }, { filename: 1, text: 'a' }])
    expect((await post(`${url}/infill`, { ...body, input_extra: [extra] })).status).toBe(400);
});

it('says what it is: /props, /slots, /apply-template, /tokenize with pieces, paths without /v1', async () => {
  const { url } = await glint();
  const get = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
  expect(await get('/props')).toMatchObject({ model_alias: 'null', default_generation_settings: {} });
  expect(await get('/slots')).toMatchObject([{ id: 0, is_processing: false }]);
  expect(await get('/models')).toEqual(await get('/v1/models'));
  const messages = [{ role: 'user', content: 'hello' }];
  expect(await post(`${url}/apply-template`, { messages })).toMatchObject({
    status: 200,
    body: { prompt: expect.stringContaining('hello') },
  });
  const chat = { messages, max_tokens: 2 };
  expect((await post(`${url}/chat/completions`, chat)).status).toBe(200);
  const { body } = await post(`${url}/tokenize`, { content: 'a 媽 🤗', with_pieces: true });
  const { tokens } = body as { tokens: { id: number; piece: string | number[] }[] };
  const bytes = tokens.flatMap(({ piece }) => (typeof piece === 'string' ? [...Buffer.from(piece)] : piece));
  expect(Buffer.from(bytes).toString().trimStart()).toBe('a 媽 🤗');
});

it('counts the tokens of a chat, and says at the end of its stream what it took', async () => {
  const { url } = await glint();
  const messages = [{ role: 'user', content: 'hi' }];
  const counted = await post(`${url}/v1/chat/completions/input_tokens`, { messages });
  const whole = await post(`${url}/v1/chat/completions`, { messages, max_tokens: 2 });
  const { usage, system_fingerprint } = whole.body as {
    usage: { prompt_tokens: number };
    system_fingerprint: string;
  };
  expect(counted.body).toEqual({ object: 'response.input_tokens', input_tokens: usage.prompt_tokens });
  expect(system_fingerprint).toMatch(/^build_/);
  const verbose = await post(`${url}/v1/chat/completions`, { messages, max_tokens: 1, verbose: true });
  expect(verbose.body).toMatchObject({
    __verbose: { prompt: expect.stringContaining('User: hi') as string },
  });
  const stream = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      messages,
      max_tokens: 4,
      stream: true,
      stream_options: { include_usage: true },
      timings_per_token: true,
    }),
  });
  const last = (await stream.text()).trim().split('\n\n').at(-2)!;
  expect(JSON.parse(last.replace(/^data: /, ''))).toMatchObject({ timings: { predicted_n: 4 } });
});
