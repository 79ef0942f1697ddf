/** What simulated machines would take, kept for the next request of the same size: each one costs a millisecond. */
import type { Engine, GenerateEnd } from '../runtime/types.js';
import type { Simulated } from '../timing/local-run.js';

const MOST = 1024;

const byEngine = new WeakMap<Engine, Map<string, readonly Simulated[]>>();

/** As `end.simulated`; it depends on nothing but the model and the two counts of tokens. */
export function simulatedOf(engine: Engine, end: GenerateEnd): readonly Simulated[] {
  let known = byEngine.get(engine);
  if (!known) {
    known = new Map();
    byEngine.set(engine, known);
  }
  const key = `${end.timings.promptTokens} ${end.timings.generatedTokens}`;
  let simulated = known.get(key);
  if (!simulated) {
    simulated = end.simulated;
    const [oldest] = known.keys();
    if (known.size >= MOST && oldest !== undefined) known.delete(oldest);
    known.set(key, simulated);
  }
  return simulated;
}
