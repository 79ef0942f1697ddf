/** A model that people use, on a wafer and on a GPU: what each moves for a token, and how many tokens come of it. */
import { useEffect, useState } from 'preact/hooks';
import { countParameters } from '../../../../models/card.js';
import { cardNamed } from '../../plan/ask/cards.js';
import { machineLabel } from '../../plan/ask/machines.js';
import { ask } from '../../plan/ask/planner.js';
import { useAsked } from '../../plan/ask/use-asked.js';
import { Die } from '../../race/die.js';
import { reducedMotion } from '../../theme.js';
import { figure } from '../../ui/format.js';

const MODEL = 'llama-3.1-70b';
const REQUEST = { promptTokens: 64, outputTokens: 256, concurrency: 1 };
/** The film is so much slower than the machines, or one would see nothing. */
const SLOWER = 40;

export default function Versus() {
  const asked = useAsked(
    ['wse-3', 'h100'].map((machine) => ({ model: MODEL, machine, request: REQUEST })),
    (questions) => ask((api) => api.plan(questions)),
  );
  const [ms, setMs] = useState(0);
  useEffect(() => {
    if (reducedMotion.value) return;
    let frame = requestAnimationFrame(function tick(now) {
      setMs(now / SLOWER);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  const card = cardNamed(MODEL);
  const gib = (countParameters(card).active * card.weightBits) / 8 / 2 ** 30;
  const results = (asked.answer ?? []).flatMap((each) => ('result' in each ? [each.result] : []));
  if (results.length < 2) return null;
  return (
    <div class="versus">
      {results.map(({ machine, count, tokensPerSecondPerUser }, i) => (
        <div key={machine}>
          <Die
            kind={i === 0 ? 'wafer' : 'gpu'}
            elapsedMs={ms}
            msPerToken={1000 / tokensPerSecondPerUser}
            isWriting={true}
          />
          <p class="small">
            <b>
              {count} × {machineLabel(machine)}
            </b>
            , {MODEL}: {figure(tokensPerSecondPerUser)} tokens/s,{' '}
            {i === 0 ? 'no weight moves' : `${figure(gib)} GiB cross from memory to the cores for each token`}
          </p>
        </div>
      ))}
      <p class="small muted">Both simulated by the timing model, {SLOWER} times slower than they are.</p>
    </div>
  );
}
