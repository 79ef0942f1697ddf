/** What wafers and GPUs would take for a model of 70 billion weights: simulated, each with its known error. */
import { findMachine, loadCard, plan } from 'waferflow';

const card = await loadCard('llama-3.1-70b');
const load = { promptTokens: 2048, outputTokens: 256, concurrency: 16 };
for (const name of ['wse-3', 'h200', 'b200']) {
  const one = plan(card, findMachine(name), load);
  const users = `${one.tokensPerSecondPerUser.toFixed(0)} tokens/s for each of ${load.concurrency} users`;
  console.log(
    `${one.count} x ${name}: first token after ${one.ttftMs.toFixed(0)} ms, ${users}, bound by ${one.boundBy}`,
  );
}
