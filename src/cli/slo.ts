/** `--slo ttft=500ms,tpot=20ms`: what each request may take. */
import { InvalidArgumentError } from 'commander';
import type { Slo } from '../fleet/types.js';

const METRICS = { ttft: 'ttftMs', tpot: 'tpotMs', itl: 'itlMs', e2el: 'e2elMs' } as const;

export function parseSlo(text: string): Omit<Slo, 'percentile'> {
  const limits: Partial<Record<'ttftMs' | 'tpotMs' | 'itlMs' | 'e2elMs', number>> = {};
  for (const part of text.split(',')) {
    const match = /^\s*(ttft|tpot|itl|e2el)\s*=\s*(\d+(?:\.\d+)?)\s*(ms|s)?\s*$/i.exec(part);
    const limit = match ? Number(match[2]) * (match[3]?.toLowerCase() === 's' ? 1e3 : 1) : 0;
    if (!match || !(limit > 0))
      throw new InvalidArgumentError('Expected limits such as ttft=500ms,tpot=20ms; also itl and e2el.');
    limits[METRICS[match[1]!.toLowerCase() as keyof typeof METRICS]] = limit;
  }
  return limits;
}
