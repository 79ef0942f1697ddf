/** A TCP proxy that cuts its connections when it is told to, in the middle of whatever passes. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class CuttingProxy {
  readonly url: string;
  cuts = 0;
  /** Asked for at each connection. */
  takesConnections: () => boolean = () => true;
  /** Bytes that a connection passes on to the client before it is cut; asked for at each connection. */
  nextCutBytes: () => number = () => Number.POSITIVE_INFINITY;
  private readonly sockets = new Set<Socket>();

  private constructor(url: string) {
    this.url = url;
  }

  static async start(targetUrl: string): Promise<CuttingProxy> {
    const target = new URL(targetUrl);
    const server = createServer((client) => proxy.pass(client, Number(target.port)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new CuttingProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  /** Cuts every connection now. */
  cut(): void {
    for (const socket of this.sockets) {
      this.cuts++;
      socket.resetAndDestroy();
    }
  }

  private pass(client: Socket, port: number): void {
    if (!this.takesConnections()) {
      client.destroy();
      return;
    }
    const upstream = connect(port, '127.0.0.1');
    let left = this.nextCutBytes();
    this.sockets.add(client);
    const end = (): void => {
      this.sockets.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (data.length <= left) {
        left -= data.length;
        client.write(data);
        return;
      }
      // Half a frame still comes through.
      this.cuts++;
      client.write(data.subarray(0, left), () => client.resetAndDestroy());
      upstream.destroy();
    });
  }
}
