/** An MCP server of the official SDK, over standard input and output, for tests. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const server = new McpServer({ name: 'numbers', version: '1' });
server.registerTool(
  'double',
  { description: 'twice a number', inputSchema: { n: z.literal(21) } },
  ({ n }) => ({ content: [{ type: 'text', text: `the double is ${2 * n}` }] }),
);
await server.connect(new StdioServerTransport());
