/** Functions of MCP servers: a real server of the official SDK, reached by its command. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { connectMcp } from '#src/cli/mcp.js';
import { ChatSession } from '#src/session/index.js';
import { ScriptedEngine } from '../clients/scripted.js';
import { temporaryFile } from '../helpers/tiny-model.js';
import { waferflow } from './cli.js';

const server = fileURLToPath(new URL('mcp-server.mjs', import.meta.url));
const fileOf = (value: unknown): string => temporaryFile(new TextEncoder().encode(JSON.stringify(value)));
const numbers = { command: process.execPath, args: [server] };

describe('chat --mcp', () => {
  it('lets a model call the functions of a server', async () => {
    await using mcp = await connectMcp(fileOf({ mcpServers: { numbers } }));
    expect(mcp.tools.map(({ name }) => name)).toEqual(['numbers__double']);
    const said = ['{"name": "numbers__double", "arguments": {"n": 21}}', 'Done.'];
    const engine = new ScriptedEngine((_, turn) => said[turn] ?? '');
    expect(await new ChatSession(engine, { tools: mcp.tools }).ask('Double 21.')).toBe('Done.');
    expect(engine.seen[1]?.prompt).toContain('the double is 42');
    await expect(Promise.resolve(mcp.tools[0]!.run({ n: 'x' }, { id: '1' }))).rejects.toThrow();
  });

  it.each([
    [
      'a server that does not start',
      { mcpServers: { gone: { command: 'no-such-program' } } },
      'MCP server gone',
    ],
    ['a server of neither kind', { mcpServers: { odd: { port: 1 } } }, 'mcpServers'],
    ['a file without servers', [], 'mcpServers'],
  ])('says what is wrong with %s', async (_, value, word) => {
    const { code, stderr } = await waferflow(['chat', '--mcp', fileOf(value)], { input: '' });
    expect(code).toBe(1);
    expect(stderr).toContain(word);
  });

  it('shows the functions of the servers', async () => {
    const file = fileOf({ mcpServers: { numbers } });
    const { code, stderr } = await waferflow(['chat', '--mcp', file], { input: '/show\n/bye\n' });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('numbers__double') as string,
    });
  });
});
