/** Who may use the server: API keys, known by their SHA-256 only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { keySubprotocolPrefix } from '../../protocol/protocol.js';
import { ApiError } from '../errors.js';

/** Someone who asks: the name of a key, or the one anonymous caller of a server without keys. */
export interface Caller {
  readonly name: string;
  /** Null is unlimited. */
  readonly requestsPerMinute: number | null;
  /** Prompt tokens and generated ones together; null is unlimited. */
  readonly tokensPerMinute: number | null;
}

export interface ApiKey extends Caller {
  /** Of the key's text, 32 bytes. */
  readonly sha256: Uint8Array;
}

export const anonymous: Caller = { name: 'anonymous', requestsPerMinute: null, tokensPerMinute: null };

export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

export class KeyRing {
  private readonly keys: readonly ApiKey[];

  constructor(keys: readonly ApiKey[]) {
    this.keys = keys;
  }

  /** Without keys everyone is the anonymous caller. */
  get isOpen(): boolean {
    return this.keys.length === 0;
  }

  /** One of several keys may have one of so many parts of what all have. */
  get parts(): number {
    return this.keys.length > 1 ? 2 : 1;
  }

  /** The caller of that name. Throws an ApiError with status 401 when there is none. */
  caller(name: string): Caller {
    const found = this.isOpen ? anonymous : this.keys.find((key) => key.name === name);
    if (found) return found;
    throw unauthorized('invalid_api_key', 'This API key is no longer known here.');
  }

  /** The caller by the `authorization: Bearer`, `x-api-key` or `api-key` header. Throws an ApiError with status 401. */
  authenticate(headers: IncomingHttpHeaders): Caller {
    if (this.isOpen) return anonymous;
    const key = keyOf(headers);
    if (key === null)
      throw unauthorized('missing_api_key', 'Send an API key as "Authorization: Bearer KEY".');
    const given = hashKey(key);
    // All keys are compared, so that the time says nothing about which one was close.
    let found: ApiKey | null = null;
    for (const known of this.keys) if (timingSafeEqual(known.sha256, given)) found = known;
    if (found === null) throw unauthorized('invalid_api_key', 'This API key is not known here.');
    return found;
  }
}

function keyOf(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const other = [headers['x-api-key'], headers['api-key']].find(
    (value) => typeof value === 'string' && value !== '',
  );
  return bearer ?? (typeof other === 'string' ? other : keyOfProtocols(headers));
}

/** Browsers set no headers on a WebSocket, but they name subprotocols. */
function keyOfProtocols(headers: IncomingHttpHeaders): string | null {
  const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? [];
  const carrier = offered.find((one) => one.startsWith(keySubprotocolPrefix));
  if (carrier === undefined) return null;
  return Buffer.from(carrier.slice(keySubprotocolPrefix.length), 'base64url').toString();
}

function unauthorized(code: string, message: string): ApiError {
  const headers = { 'www-authenticate': 'Bearer' };
  return new ApiError({ status: 401, type: 'authentication_error', code, message, headers });
}
