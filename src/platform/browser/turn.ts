/** A turn of a browser's event loop, quicker than its timers. */

/** Takes one turn of the event loop each time that it is called. */
export function turns(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return () =>
    new Promise((resolve) => {
      port1.onmessage = () => resolve();
      port2.postMessage(null);
    });
}
