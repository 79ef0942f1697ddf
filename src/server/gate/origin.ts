/**
 * Which pages may talk to the server. A browser sends any page's requests to a server on this machine, and with a
 * name that a page's owner points here they even look as if they came from the server's own page.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { OptionError } from '../../core/errors.js';
import { ApiError } from '../errors.js';

export class OriginPolicy {
  private readonly allowed: ReadonlySet<string>;
  private readonly loopbackOnly: boolean;

  /**
   * @param allowed origins such as `https://example.org`, `localhost` for pages of this machine at any port, `*` for all;
   * the server's own pages are always allowed
   * @param loopbackOnly whether only names of this machine are answered to: without keys nothing else protects it
   * @throws OptionError on what no page's origin can be
   */
  constructor(allowed: readonly string[], loopbackOnly: boolean) {
    for (const origin of allowed) requireOrigin(origin);
    this.allowed = new Set(allowed);
    this.loopbackOnly = loopbackOnly;
  }

  /** Throws an ApiError with status 403 on a page or a name that is not allowed. */
  check({ origin, host }: IncomingHttpHeaders): void {
    if (this.loopbackOnly && host !== undefined && !isOwnName(hostName(host)))
      throw forbidden('host_not_allowed', 'Without API keys this server answers to localhost only.');
    if (origin === undefined || this.allowed.has(origin) || this.allowed.has('*')) return;
    if (this.allowed.has('localhost') && isOfThisMachine(origin)) return;
    if (URL.canParse(origin) && new URL(origin).host === host) return;
    throw forbidden(
      'origin_not_allowed',
      `Pages of ${origin.slice(0, 100)} may not use this server; --origin allows one.`,
    );
  }

  /** What tells a browser that a page of another origin may read the answer. Call after `check`. */
  headers(origin: string | undefined): Record<string, string> {
    if (origin === undefined) return {};
    return {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Expose-Headers': '*',
      Vary: 'Origin',
    };
  }

  /** What answers a browser that asks first. */
  preflightHeaders(asked: string | undefined): Record<string, string> {
    return {
      'Access-Control-Allow-Methods': 'GET, POST, DELETE, OPTIONS',
      'Access-Control-Allow-Headers': asked ?? 'authorization, content-type',
      'Access-Control-Max-Age': '600',
    };
  }
}

/** A scheme and a host, as browsers send them; `null` is what pages without an address send. */
function requireOrigin(origin: string): void {
  if (
    origin === 'null' ||
    origin === '*' ||
    origin === 'localhost' ||
    /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/.test(origin)
  )
    return;
  throw new OptionError({
    what: 'option origin',
    given: JSON.stringify(origin),
    expected: 'a scheme and a host in small letters, with nothing behind them, such as https://example.org',
    todo: 'Give it as the browser shows it in the header Origin.',
  });
}

export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Names that no public name server answers for: containers reach this machine by one. */
function isOwnName(name: string): boolean {
  return isLoopback(name) || name.endsWith('.localhost') || name === 'host.docker.internal';
}

/** Whether a page's origin is this machine, at whatever port. */
function isOfThisMachine(origin: string): boolean {
  return URL.canParse(origin) && isLoopback(hostName(new URL(origin).host));
}

/** Without port and brackets. */
function hostName(host: string): string {
  return host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function forbidden(code: string, message: string): ApiError {
  return new ApiError({ status: 403, type: 'permission_error', code, message });
}
