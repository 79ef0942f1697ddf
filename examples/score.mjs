/** How well a model knows a text: nats per token, and the token that it expected least. */
import { load } from 'waferflow';

const engine = await load();
const { tokenizer } = engine;
const text = 'export const one = 1;\nexport const two = 2;\nexport const banana = 3;\n';
const ids = tokenizer.encode(text);
const { nll } = await engine.score(ids);
const mean = nll.reduce((sum, value) => sum + value, 0) / nll.length;
const worst = nll.indexOf(Math.max(...nll));
console.log(`${ids.length} tokens, ${mean.toFixed(3)} nats per token`);
console.log(`least expected: ${JSON.stringify(tokenizer.decode([ids[worst + 1]]))}`);
await engine.close();
