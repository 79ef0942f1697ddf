/** Hostile frames, by hand on a raw socket: the right close code, and a server that lives on. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({
    load: () => Promise.resolve(new NullEngine()),
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
    limits: { sockets: { messageBytes: 64 * 1024, fragments: 32 } },
  });
  await server.ready;
});
afterAll(() => server.close());

interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly isMasked?: boolean;
  /** Said in the header, whatever the payload is. */
  readonly length?: bigint;
}

const opcode = { continuation: 0, text: 1, binary: 2, reserved: 3, close: 8, ping: 9 } as const;

function frame(
  kind: keyof typeof opcode,
  payload: Uint8Array,
  { fin = true, rsv = 0, isMasked = true, length = BigInt(payload.length) }: FrameOptions = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode[kind];
  const head = [first];
  const maskBit = isMasked ? 0x80 : 0;
  if (length < 126n) head.push(maskBit | Number(length));
  else if (length < 65_536n) head.push(maskBit | 126, Number(length >> 8n), Number(length & 255n));
  else {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(length);
    head.push(maskBit | 127, ...bytes);
  }
  const mask = [7, 1, 3, 9];
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload]);
  return Buffer.concat([Buffer.from([...head, ...mask]), payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

async function upgraded(headers: readonly string[] = []): Promise<Socket> {
  const { hostname, port, host } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const lines = [
    'GET /v1/responses HTTP/1.1',
    `host: ${host}`,
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await new Promise<void>((resolve) => {
    socket.once('data', (data) => {
      expect(String(data)).toContain('101 Switching');
      // Compression costs memory and time for every connection: it is not spoken, whoever offers it.
      expect(String(data).toLowerCase()).not.toContain('sec-websocket-extensions');
      resolve();
    });
  });
  return socket;
}

/** The code of the close frame that ends what the server says. */
async function closeCodeOf(socket: Socket): Promise<number> {
  const chunks: Buffer[] = [];
  socket.on('data', (data) => chunks.push(data));
  const ended = new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.once('end', resolve);
  });
  await expect.poll(() => closeFrame(Buffer.concat(chunks)), { timeout: 20_000 }).not.toBeNull();
  socket.destroy();
  await ended;
  return closeFrame(Buffer.concat(chunks))!;
}

/** Walks the server's frames, which are not masked, up to the one that closes. */
function closeFrame(bytes: Buffer): number | null {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const kind = bytes[at]! & 15;
    let length = bytes[at + 1]!;
    let head = 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at + 2);
      head = 4;
    }
    if (kind === opcode.close) return at + head + 2 <= bytes.length ? bytes.readUInt16BE(at + head) : null;
    at += head + length;
  }
  return null;
}

const text = (value: string): Buffer => Buffer.from(value);
const badUtf8 = Buffer.from([0x22, 0xc3, 0x28, 0x22]);

it.each<[string, Buffer[], number]>([
  ['bad UTF-8', [frame('text', badUtf8)], 1007],
  ['a surrogate in UTF-8', [frame('text', Buffer.from([0xed, 0xa0, 0x80]))], 1007],
  ['no mask', [frame('text', text('{}'), { isMasked: false })], 1002],
  ['RSV bits', [frame('text', text('{}'), { rsv: 4 })], 1002],
  ['a reserved opcode', [frame('reserved', text('{}'))], 1002],
  ['a continuation of nothing', [frame('continuation', text('{}'))], 1002],
  ['a text inside of a text', [frame('text', text('{'), { fin: false }), frame('text', text('}'))], 1002],
  ['a control frame in fragments', [frame('ping', text('x'), { fin: false })], 1002],
  ['a control frame that is too long', [frame('ping', Buffer.alloc(126))], 1002],
  ['a close frame of one byte', [frame('close', Buffer.from([3]))], 1002],
  ['a close code that is none', [frame('close', Buffer.from([0x03, 0xed]))], 1002],
  ['a length of 2^63', [frame('text', text(''), { length: 1n << 63n })], 1009],
  ['a length beyond the limit', [frame('text', text('{'), { length: 100_000n })], 1009],
  [
    'fragments beyond the limit together',
    [
      frame('text', Buffer.alloc(40_000, 32), { fin: false }),
      frame('continuation', Buffer.alloc(40_000, 32)),
    ],
    1009,
  ],
  [
    'fragments without end',
    [
      frame('text', text('['), { fin: false }),
      ...Array.from({ length: 40 }, () => frame('continuation', text('1'), { fin: false })),
    ],
    1008,
  ],
  ['a binary frame where text is spoken', [frame('binary', text('{}'))], 1003],
  [
    'frames that make no sense, again and again',
    Array.from({ length: 20 }, () => frame('text', text('nonsense'))),
    1008,
  ],
])('closes on %s with the right code', async (_name, frames, code) => {
  const socket = await upgraded(['sec-websocket-extensions: permessage-deflate']);
  for (const one of frames) socket.write(one);
  expect(await closeCodeOf(socket)).toBe(code);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

it.each<[string, Buffer, number]>([
  ['text', frame('text', text('[1,0]')), 1003],
  ['no MessagePack', frame('binary', Buffer.from([0xc1])), 1007],
  ['half a MessagePack', frame('binary', Buffer.from([0x93, 0x01])), 1007],
  ['a map where a frame is an array', frame('binary', Buffer.from([0x80])), 1007],
  ['nesting without end', frame('binary', Buffer.alloc(60_000, 0x91)), 1007],
  [
    'an array that claims four billion entries',
    frame('binary', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])),
    1007,
  ],
])('closes in the binary form on %s', async (_name, bytes, code) => {
  const socket = await upgraded(['sec-websocket-protocol: waferflow.v1.msgpack']);
  socket.write(bytes);
  expect(await closeCodeOf(socket)).toBe(code);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

it('answers JSON nested beyond reason with an error, and stays', async () => {
  const socket = await upgraded();
  const deep = `{"type":"response.create","input":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  socket.write(frame('text', text(deep)));
  const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  expect(answer).toContain('too_deep');
  socket.destroy();
});
