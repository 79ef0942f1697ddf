/**
 * Comlink, wrapped: control calls between the engine and its leader worker. Tokens and activations do not come this
 * way, they go through shared memory. Only the functions of an allow-listed object are exposed.
 */
import * as Comlink from 'comlink';

/** One end of a message channel, of a browser or of Node. */
export type LinkEndpoint = Pick<Comlink.Endpoint, 'addEventListener' | 'removeEventListener'> & {
  postMessage(message: unknown): void;
  start?(): void;
};

export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** Offers exactly the functions in `api` to the other side. */
export function expose<T extends { readonly [K in keyof T]: (...args: never[]) => unknown }>(
  api: T,
  endpoint: LinkEndpoint,
): void {
  Comlink.expose({ ...api }, endpoint as Comlink.Endpoint);
}

/** A function to hand to the other side, which calls it here. */
export function callback<F extends (...args: never[]) => void>(call: F): F {
  return Comlink.proxy(call);
}

/** The other side's functions; every call is a promise. */
export function connect<T>(endpoint: LinkEndpoint): Remote<T> {
  return Comlink.wrap<T>(endpoint as Comlink.Endpoint) as unknown as Remote<T>;
}
