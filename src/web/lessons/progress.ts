/** Which lessons are solved, kept on this device. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { recall, remember } from '../storage.js';

const KEY = 'lessons';

const current = signal<ReadonlySet<string>>(
  new Set((recall(KEY) ?? '').split(',').filter((id) => id !== '')),
);

export const solved: ReadonlySignal<ReadonlySet<string>> = current;

export function solve(id: string): void {
  if (current.peek().has(id)) return;
  current.value = new Set([...current.peek(), id]);
  remember(KEY, [...current.peek()].join(','));
}

export function forget(): void {
  current.value = new Set();
  remember(KEY, null);
}
