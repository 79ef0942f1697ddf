/** Whether the server of this page serves tokens too; null until it has said. */
import { type ReadonlySignal, signal } from '@preact/signals';

const known = signal<boolean | null>(null);
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
