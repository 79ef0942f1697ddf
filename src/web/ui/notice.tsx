/** One sentence that a person should know. */
import type { ComponentChildren } from 'preact';

export function Notice({ kind = 'info', children }: { kind?: 'info' | 'bad'; children: ComponentChildren }) {
  return (
    <p class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}

/** What had to be changed or went wrong, sentence by sentence; nothing when there is nothing to say. */
export function Told({ sentences }: { sentences: readonly (string | null)[] }) {
  const said = sentences.filter((sentence) => sentence !== null);
  return said.length === 0 ? null : <Notice>{said.join(' ')}</Notice>;
}
