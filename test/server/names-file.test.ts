/** Names that clients made, after a restart. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ollama } from 'ollama';
import { expect, it, onTestFinished } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waferflow-names-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'names.json');
}

async function serve(names: string, ids = ['a', 'b']) {
  const load = () => Promise.resolve(new NullEngine());
  const [first, ...others] = ids.map((id) => ({ id, load }));
  const server = await startServer({
    load,
    model: first!,
    models: others,
    names,
    port: 0,
    logLevel: 'silent',
  });
  await server.ready;
  return {
    client: new Ollama({ host: server.url }),
    close: () => server.close(),
    models: server.context.models,
  };
}

it('are there with what was made of them, and go when they are deleted', async () => {
  const names = place();
  const before = await serve(names);
  await before.client.copy({ source: 'b', destination: 'mine' });
  await before.client.create({
    model: 'terse',
    from: 'b',
    system: 'Be brief.',
    parameters: { top_k: 3, stop: ['.'] },
  });
  await before.client.copy({ source: 'a', destination: 'gone' });
  await before.client.delete({ model: 'gone' });
  const shown = await before.client.show({ model: 'terse' });
  await before.close();

  const after = await serve(names);
  expect((await after.client.list()).models.map(({ name }) => name)).toEqual(['a', 'b', 'mine', 'terse']);
  expect(after.models.find('mine').served.options.id).toBe('b');
  const { parameters, system } = await after.client.show({ model: 'terse' });
  expect({ parameters, system }).toEqual({ parameters: shown.parameters, system: shown.system });
  expect(after.models.find('terse').preset).toMatchObject({ system: 'Be brief.', stop: ['.'] });
  await after.client.delete({ model: 'mine' });
  await after.close();
  expect(JSON.parse(readFileSync(names, 'utf8'))).toMatchObject([{ name: 'terse', model: 'b' }]);
});

it('wait in the file while their model is not served', async () => {
  const names = place();
  const before = await serve(names);
  await before.client.copy({ source: 'b', destination: 'mine' });
  await before.close();
  const without = await serve(names, ['a']);
  expect(without.models.names).toEqual(['a']);
  await without.client.copy({ source: 'a', destination: 'other' });
  await without.close();
  const after = await serve(names);
  expect(after.models.names).toEqual(['a', 'b', 'other', 'mine']);
  await after.close();
});

it.each(['{', '{}', '[{"name":"a"}]', '[{"name":"x","model":"a","owner":"me","preset":{"from":"a"}}]'])(
  'of a file that holds %s are refused in words',
  async (text) => {
    const names = place();
    writeFileSync(names, text);
    const failed = serve(names);
    await expect(failed).rejects.toThrow(FormatError);
    await expect(failed).rejects.toThrow(/a list of names/);
  },
);
