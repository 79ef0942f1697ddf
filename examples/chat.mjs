/** A conversation: each turn goes to the model with all before it, and costs only what is new, since prefixes are kept. */
import { load } from 'waferflow';

const engine = await load(process.argv[2]); // an instruct model talks better than the embedded one
const messages = [{ role: 'system', content: 'You answer in TypeScript.' }];
for (const content of ['interface Point {', 'function distance(a: Point, b: Point)']) {
  messages.push({ role: 'user', content });
  for await (const chunk of engine.generate(messages, { maxTokens: 32, stop: '\nUser:' })) {
    if (!chunk.done) continue;
    const { cachedTokens, promptTokens } = chunk.timings;
    console.log(`user: ${content}\nmodel: ${chunk.text.trim()}`);
    console.log(`(${cachedTokens} of ${promptTokens} prompt tokens were in the cache)`);
    messages.push({ role: 'assistant', content: chunk.text });
  }
}
await engine.close();
