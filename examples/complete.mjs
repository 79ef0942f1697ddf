/** Completes a text with the embedded model, piece by piece, and says what it took here and would take on a wafer. */
import { load } from 'waferflow';

const engine = await load(); // or a path, a name, `hf:OWNER/REPO:Q8_0`, a URL, bytes
for await (const chunk of engine.generate('export function add(', { maxTokens: 40 })) {
  if (!chunk.done) process.stdout.write(chunk.text);
  else {
    const { decodeTokensPerSecond } = chunk.timings;
    console.log(`\nmeasured: ${decodeTokensPerSecond.toFixed(0)} tokens/s here`);
    for (const { machine, tokensPerSecond } of chunk.simulated)
      console.log(`simulated: ${tokensPerSecond.toFixed(0)} tokens/s on ${machine}`);
  }
}
await engine.close();
