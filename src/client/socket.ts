/** A WebSocket as browsers know it, from the platform where it has one. */
import { binarySubprotocol, keySubprotocolPrefix } from '../protocol/protocol.js';

/** The part of a WebSocket that the client uses. */
export interface ClientSocket {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export type OpenSocket = (url: string, apiKey: string | null) => Promise<ClientSocket>;

/** Opens a socket of the platform, or one of `ws` where it has none. The key goes where the platform allows it. */
export const openSocket: OpenSocket = async (url, apiKey) => {
  if (typeof globalThis.WebSocket === 'function') {
    const protocols = [
      binarySubprotocol,
      ...(apiKey === null ? [] : [keySubprotocolPrefix + base64url(apiKey)]),
    ];
    return new globalThis.WebSocket(url, protocols) as unknown as ClientSocket;
  }
  const { connectSocket } = await import('../protocol/ws.js');
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  return connectSocket(url, { protocols: [binarySubprotocol], headers }) as unknown as ClientSocket;
};

function base64url(text: string): string {
  const binary = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
