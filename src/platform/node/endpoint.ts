/** Ports of Node's threads for comlink. */
import type { MessagePort } from 'node:worker_threads';
import type { LinkEndpoint } from '../../runtime/link.js';

/**
 * A port as comlink takes it, without DOM events: Node 24 makes each of those with a class of its HTTP client, and loads
 * all of that for it, which takes 60 ms and 15 MB in every thread.
 */
export function endpointOf(port: MessagePort): LinkEndpoint & { close(): void } {
  const known = new Map<unknown, (data: unknown) => void>();
  return {
    postMessage: (message) => port.postMessage(message),
    addEventListener(type, listener) {
      const receive = (data: unknown): void => {
        const event = { data } as MessageEvent;
        if (typeof listener === 'function') listener(event);
        else listener.handleEvent(event);
      };
      known.set(listener, receive);
      port.on(type, receive);
    },
    removeEventListener(type, listener) {
      const receive = known.get(listener);
      if (receive) port.off(type, receive);
      known.delete(listener);
    },
    start: () => port.start(),
    close: () => port.close(),
  };
}
