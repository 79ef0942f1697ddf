/** A local HTTP server that answers for one file as the Hugging Face hub and its storage do. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubServer {
  readonly endpoint: string;
  /** What came in, as `METHOD PATH RANGE`, storage requests included. */
  readonly requests: string[];
  /** The authorization headers that the storage saw: the hub's token has no business there. */
  readonly storageTokens: string[];
  readonly hubTokens: string[];
  /** Ends the next downloads after this many bytes each. */
  readonly cuts: number[];
  close(): Promise<void>;
}

export interface HubServerOptions {
  readonly content: Buffer;
  /** Announced instead of the content's own. */
  readonly sha256?: string;
  readonly sizeBytes?: number;
  /** Answered by the hub instead of the redirect. */
  readonly refusal?: { readonly status: number; readonly headers?: Readonly<Record<string, string>> };
  readonly ignoresRange?: boolean;
  /** The names of the repository's files, each of the same content unless `contents` has its own. */
  readonly files?: readonly string[];
  readonly contents?: Readonly<Record<string, Buffer>>;
}

export async function startHub(options: HubServerOptions): Promise<HubServer> {
  const { content } = options;
  const requests: string[] = [];
  const storageTokens: string[] = [];
  const hubTokens: string[] = [];
  const cuts: number[] = [];

  const answerHub = (url: string, response: ServerResponse, storage: string): void => {
    if (options.refusal) {
      response.writeHead(options.refusal.status, options.refusal.headers).end();
      return;
    }
    if (url.startsWith('/api/models/')) {
      const siblings = (options.files ?? []).map((rfilename) => ({ rfilename }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ siblings }));
      return;
    }
    const name = decodeURIComponent(url.split('/resolve/main/')[1] ?? '');
    const own = options.contents?.[name] ?? content;
    const sha256 = options.sha256 ?? createHash('sha256').update(own).digest('hex');
    response
      .writeHead(302, {
        location: `${storage}/blob/${name}`,
        'x-linked-etag': `"${sha256}"`,
        'x-linked-size': options.sizeBytes ?? own.length,
        'x-repo-commit': '0123456789abcdef0123456789abcdef01234567',
      })
      .end();
  };

  const answerStorage = (request: IncomingMessage, response: ServerResponse): void => {
    storageTokens.push(request.headers.authorization ?? '');
    const start = options.ignoresRange
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const own = options.contents?.[(request.url ?? '').replace('/blob/', '')] ?? content;
    const body = own.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': body.length });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const cut = cuts.shift();
    if (cut === undefined) response.end(body);
    else response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  };

  const servers = { hub: createServer(), storage: createServer() };
  const addresses: Record<string, string> = {};
  for (const [name, server] of Object.entries(servers)) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      requests.push([request.method, name, request.url, request.headers.range].filter(Boolean).join(' '));
      if (name === 'hub') hubTokens.push(request.headers.authorization ?? '');
      if (name === 'hub') answerHub(request.url ?? '', response, addresses.storage!);
      else answerStorage(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    addresses[name] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  return {
    endpoint: addresses.hub!,
    requests,
    storageTokens,
    hubTokens,
    cuts,
    async close() {
      for (const server of Object.values(servers)) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
