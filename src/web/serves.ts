/** The server of this page: whether it serves tokens too, and the key for it. */
import { type ReadonlySignal, signal } from '@preact/signals';

const known = signal<boolean | null>(null);
/** Null until it has said. */
export const serves: ReadonlySignal<boolean | null> = known;

async function ask(): Promise<void> {
  try {
    const answer = await fetch('./waferflow.json');
    const { serves: does } = (await answer.json()) as { serves?: unknown };
    known.value = does === true;
  } catch {
    known.value = false;
  }
}

void ask();

/** Kept in memory alone: it is a secret, and a reload forgets it. */
export const apiKey = signal('');
