/** `chat --mcp FILE`: functions of MCP servers, for the model to call. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';
import { FormatError, messageOf } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { SessionTool } from '../session/index.js';
import { readTextFile } from './text-file.js';

/** As other programs write it: `{"mcpServers": {"files": {"command": "npx", "args": [...]}, "web": {"url": "..."}}}`. */
const config = z.object({
  mcpServers: z.record(
    z.string(),
    z.union([
      z.object({
        command: z.string(),
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        cwd: z.string().optional(),
      }),
      z.object({ url: z.url(), headers: z.record(z.string(), z.string()).optional() }),
    ]),
  ),
});
type Server = z.infer<typeof config>['mcpServers'][string];

export interface McpTools extends AsyncDisposable {
  readonly tools: readonly SessionTool[];
}

/** Starts or reaches all servers of a configuration file. @throws FormatError naming the file or the server that fails */
export async function connectMcp(file: string): Promise<McpTools> {
  const read = config.safeParse(parseJson(await readTextFile(file), file));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new FormatError({
      what: file,
      given: `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'something else'}`,
      expected: '{"mcpServers": {NAME: {"command": ..., "args": [...]} or {"url": ...}}}',
      todo: 'Correct the file.',
    });
  }
  const clients: Client[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(clients.map((client) => client.close()));
  };
  try {
    const tools: SessionTool[] = [];
    for (const [name, server] of Object.entries(read.data.mcpServers)) {
      const client = new Client({ name: 'waferflow', version: '1' });
      clients.push(client);
      tools.push(...(await toolsOf(name, server, client)));
    }
    return { tools, [Symbol.asyncDispose]: close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function toolsOf(name: string, server: Server, client: Client): Promise<SessionTool[]> {
  try {
    await client.connect(transportOf(server));
    const { tools } = await client.listTools();
    return tools.map((tool) => ({
      // Two servers may have functions of one name.
      name: `${name}__${tool.name}`.replace(/[^\w-]/g, '_').slice(0, 64),
      ...(tool.description !== undefined && { description: tool.description }),
      parameters: tool.inputSchema,
      async run(args, { signal }) {
        const result = await client.callTool(
          { name: tool.name, arguments: args as Record<string, unknown> },
          undefined,
          signal && { signal },
        );
        const text = textOf(result.content);
        if (result.isError === true) throw new Error(text);
        return text;
      },
    }));
  } catch (thrown) {
    throw new FormatError({
      what: `MCP server ${name}`,
      given: messageOf(thrown),
      expected: 'a server that answers',
      todo: 'Try its command by itself, or take it out of the file.',
    });
  }
}

function transportOf(server: Server): Transport {
  if ('command' in server) {
    const { command, args = [], env, cwd } = server;
    // What a server says on stderr would stand in the conversation.
    return new StdioClientTransport({
      command,
      args,
      stderr: 'ignore',
      ...(env && { env }),
      ...(cwd && { cwd }),
    });
  }
  const { url, headers } = server;
  // The class has `sessionId` as a getter that may be undefined, which the interface's optional property is not.
  return new StreamableHTTPClientTransport(
    new URL(url),
    headers ? { requestInit: { headers } } : {},
  ) as unknown as Transport;
}

const parts = z.array(z.looseObject({ type: z.string(), text: z.string().optional() }));

/** The text of a result; what is none is named. */
function textOf(content: unknown): string {
  const read = parts.safeParse(content);
  if (!read.success) return JSON.stringify(content ?? null);
  return read.data.map(({ type, text }) => text ?? `[${type}]`).join('\n');
}
