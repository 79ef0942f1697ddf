/** The answer as a table: one column per machine, the SLO judged where it applies. */
import { PLAN_FIGURES } from '../../report/plan/figures.js';
import type { PlanResult } from '../../timing/estimate-types.js';
import { figure } from '../ui/format.js';
import type { Slo, Sweep } from './ask/api.js';
import { machineLabel } from './ask/machines.js';

interface FiguresProps {
  readonly results: readonly PlanResult[];
  readonly slo: Slo;
  readonly sweeps: readonly Sweep[];
}

export function Figures({ results, slo, sweeps }: FiguresProps) {
  if (results.length === 0) return <p class="muted">Planning…</p>;
  const limits: Readonly<Record<string, number>> = { 'TTFT, ms': slo.ttftMs, 'TPOT, ms': slo.tpotMs };
  const within = ({ machine }: PlanResult): string => {
    const sweep = sweeps.find((one) => one.machine === machine);
    if (sweep === undefined) return '…';
    return sweep.usersWithinSlo >= 4096 ? '4,096 or more' : figure(sweep.usersWithinSlo);
  };
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">The plan, simulated, by machine</caption>
        <thead>
          <tr>
            <th scope="col">simulated</th>
            {results.map(({ machine, count }) => (
              <th key={machine} scope="col">
                {count} × {machineLabel(machine)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {PLAN_FIGURES.filter(({ label }) => label !== 'machines').map(({ label, of }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {results.map((result) => {
                const limit = limits[label];
                const misses = limit !== undefined && of(result) > limit;
                return (
                  <td key={result.machine}>
                    {limit !== undefined && (
                      <span class={misses ? 'verdict-bad' : 'verdict-good'}>
                        {misses ? 'misses' : 'meets'}
                      </span>
                    )}
                    {figure(of(result))}
                  </td>
                );
              })}
            </tr>
          ))}
          <tr>
            <th scope="row">users within the SLO</th>
            {results.map((result) => (
              <td key={result.machine}>{within(result)}</td>
            ))}
          </tr>
          <tr>
            <th scope="row">decode waits for</th>
            {results.map(({ machine, boundBy }) => (
              <td key={machine}>{boundBy}</td>
            ))}
          </tr>
          <tr>
            <th scope="row">weakest input</th>
            {results.map(({ machine, tag }) => (
              <td key={machine}>{tag}</td>
            ))}
          </tr>
        </tbody>
      </table>
    </div>
  );
}
