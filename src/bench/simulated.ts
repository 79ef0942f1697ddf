/** What wafers and GPUs would do with the measured models and lengths: simulated, never measured. */
import type { ModelShape } from '../../models/model.js';
import { WaferflowError } from '../core/errors.js';
import { plan } from '../timing/estimate.js';
import { cardOfShape, findMachine } from '../timing/local-run.js';
import type { BenchCase } from './entrants.js';
import type { SimulatedRow } from './types.js';

export const SIMULATED_MACHINES = ['wse-3', 'h100', 'h200', 'b200'];

/** One row per machine for each case with an answer; machines that cannot hold the model are left out, with the reason. */
export function simulatedRows(
  model: string,
  config: ModelShape,
  cases: readonly BenchCase[],
  note: (text: string) => void,
): SimulatedRow[] {
  return cases
    .filter(({ phase }) => phase !== 'prefill')
    .flatMap(({ promptTokens, generatedTokens, batch }) =>
      SIMULATED_MACHINES.flatMap((name) => {
        const context = Math.max(config.maxPositionEmbeddings, promptTokens + generatedTokens);
        const card = cardOfShape({ ...config, maxPositionEmbeddings: context }, model);
        const machine = findMachine(name);
        try {
          const result = plan(card, machine, {
            promptTokens,
            outputTokens: generatedTokens,
            concurrency: batch,
          });
          const row: SimulatedRow = {
            machine: result.machine,
            kind: result.kind,
            count: result.count,
            model,
            promptTokens,
            generatedTokens,
            concurrency: batch,
            ttftMs: result.ttftMs,
            tpotMs: result.tpotMs,
            tokensPerSecondPerUser: result.tokensPerSecondPerUser,
            tokensPerSecond: result.tokensPerSecond,
            kilowatts: result.kilowatts,
            joulesPerToken: result.joulesPerToken,
            dollarsPerMTokens: result.dollarsPerMTokens,
            boundBy: result.boundBy,
            tag: result.tag,
            peakFlops: result.peakFlops,
            peakBytesPerSecond: result.peakBytesPerSecond,
          };
          return [row];
        } catch (error) {
          if (!(error instanceof WaferflowError)) throw error;
          note(`${name} is not simulated for ${model}: ${error.message}`);
          return [];
        }
      }),
    );
}
