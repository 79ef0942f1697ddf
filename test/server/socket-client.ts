/** A plain client of the JSON form, as any `ws` user would write it. */
import { onTestFinished } from 'vitest';
import WebSocket from 'ws';

export interface Frame {
  readonly type: string;
  readonly sequence_number?: number;
  readonly stream_id?: string;
  readonly [field: string]: unknown;
}

export class SocketClient {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private taken = 0;
  private wake: () => void = () => undefined;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
      this.wake();
    });
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      ws.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.wake();
      });
    });
  }

  send(event: object): void {
    this.ws.send(JSON.stringify(event));
  }

  /** Frames up to and with the next one that passes, from those not taken yet. */
  async until(test: (frame: Frame) => boolean): Promise<Frame[]> {
    for (let at = this.taken; ; at++) {
      while (at >= this.frames.length) {
        if (this.ws.readyState === WebSocket.CLOSED)
          throw new Error(`closed after ${JSON.stringify(this.frames.at(-1))}`);
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      if (!test(this.frames[at]!)) continue;
      const from = this.taken;
      this.taken = at + 1;
      return this.frames.slice(from, at + 1);
    }
  }

  /** Sends `response.create` and gives its events. */
  respond(body: object): Promise<Frame[]> {
    this.send({ type: 'response.create', input: 'hi', max_output_tokens: 4, ...body });
    return this.until(isTerminal);
  }
}

export const isTerminal = ({ type }: Frame): boolean =>
  ['error', 'response.completed', 'response.incomplete', 'response.failed'].includes(type);

export async function connect(
  url: string,
  options: WebSocket.ClientOptions = {},
  path = '/v1/responses',
): Promise<SocketClient> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}${path}`, options);
  const client = new SocketClient(ws);
  onTestFinished(() => ws.terminate());
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  return client;
}

/** The response object of the last of these frames. */
export function responseOf(frames: readonly Frame[]): {
  id: string;
  status: string;
  [field: string]: unknown;
} {
  return frames.at(-1)?.response as never;
}
