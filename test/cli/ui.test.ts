import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { BINARY, ROOT, waferflow } from './cli.js';

it('ui serves the page, isolated, on this machine only, until it is interrupted', async () => {
  const child = spawn(process.execPath, [BINARY, 'ui', '--port', '0', '--no-open'], { cwd: ROOT });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const address = await new Promise<string>((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  const page = await fetch(address);
  expect(await page.text()).toContain('<title>waferflow</title>');
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  child.kill('SIGINT');
  expect(await ended).toBe(130);
});

it('ui says what to do when its port is taken or is none', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const taken = await waferflow(['ui', '--port', String(port), '--no-open']);
  expect(taken.code).toBe(2);
  expect(taken.stderr).toContain('Choose another one with --port');
  other.close();
  expect((await waferflow(['ui', '--port', '70000', '--no-open'])).code).toBe(2);
});
