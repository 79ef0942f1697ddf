/** LoRA adapters by the name of a model: each is listed, and each request has its own. */
import { expect, it } from 'vitest';
import { modelOf } from '#models/model.js';
import { readGguf } from '#src/formats/gguf.js';
import { ggufModelFile } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { load } from '#src/index.js';
import { smallModel } from '../helpers/architecture.js';
import { randomAdapter } from '../helpers/lora.js';
import { testServer } from './server.js';

it('lists adapters and answers with the one that a request names', async () => {
  const bytes = await smallModel({ architecture: 'llama', has: /ffn_gate\.weight/ });
  const model = modelOf(ggufModelFile(await readGguf(bytesSource(bytes))));
  const facts = { rank: 3, alpha: 9, only: /^blk/ };
  const lora = ['one', 'two'].map((name, i) => ({
    file: randomAdapter(model, { seed: i + 1, ...facts }).bytes,
    name,
  }));
  const { url } = await testServer({
    load: () => load(bytes, { workers: 1, lora }),
    model: { id: 'base', adapters: ['one', 'two'] },
  });
  const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  expect(list.data.map(({ id }) => id)).toEqual(['base', 'one', 'two']);
  const answer = async (name: string): Promise<string> => {
    const body = { model: name, prompt: [5, 6, 7, 8], max_tokens: 12, temperature: 0 };
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const said = (await response.json()) as { model: string; choices: { text: string }[] };
    expect(said.model).toBe(name);
    return said.choices[0]!.text;
  };
  const together = await Promise.all(['base', 'one', 'two'].map(answer));
  expect(new Set(together).size).toBe(3);
  const engine = await load(bytes, { workers: 1 });
  let alone = '';
  for await (const chunk of engine.generate([5, 6, 7, 8], { maxTokens: 12 }))
    if (chunk.done) alone = chunk.text;
  await engine.close();
  expect(together[0]).toBe(alone);
  const unknown = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'three', prompt: 'a' }),
  });
  expect(unknown.status).toBe(404);
});

it('refuses an adapter with the name of the model', async () => {
  await expect(testServer({ model: { id: 'same', adapters: ['same'] } })).rejects.toThrow(
    /two that are called "same"/,
  );
});
