/** The line of a shell that searches the same. */
import type { FleetQuestion } from './api.js';

export function commandLine(question: FleetQuestion): string {
  const {
    model,
    machines,
    requestsPerSecond,
    promptTokens,
    outputTokens,
    ttftMs,
    tpotMs,
    weightBits,
    requests,
  } = question;
  return [
    `waferflow capacity --model ${model} --machine ${machines.join(',')}`,
    `--rate ${requestsPerSecond} --prompt ${promptTokens} --output ${outputTokens} --requests ${requests}`,
    `--slo ttft=${ttftMs}ms,tpot=${tpotMs}ms`,
    ...(weightBits === null ? [] : [`--weights ${weightBits}`]),
  ].join(' ');
}
