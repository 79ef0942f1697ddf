/** A client that does with its connection what a library would not. */
import { connect, type Socket } from 'node:net';
import type { RunningServer } from '#src/server/serve.js';

/** Sends a POST with this body and leaves the socket to the caller, paused: nothing is read yet. */
export async function rawPost({ url }: RunningServer, path: string, body: unknown): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const text = JSON.stringify(body);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.pause();
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
  });
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
  return socket;
}

/** What comes until `isEnough` says so or the connection ends. */
export function readUntil(socket: Socket, isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      socket.off('data', onData);
      socket.pause();
      resolve(text);
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (isEnough(text)) done();
    };
    socket.on('data', onData);
    socket.once('close', done);
    socket.resume();
  });
}
