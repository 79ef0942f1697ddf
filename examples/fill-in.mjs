/** Fills in the middle, as the editor does: the model sees both sides of a gap. */
import { load } from 'waferflow';

const engine = await load();
const { fim, encode } = {
  fim: engine.tokenizer.fim,
  encode: (text) => engine.tokenizer.encode(text, { bos: false }),
};
if (fim === null) throw new Error('This model has no tokens for it.');
const [before, behind] = ['const count = ', '\n\nexport const end = 1;\n'];
const prompt = [fim.prefix, ...encode(before), fim.suffix, ...encode(behind), fim.middle];
for await (const chunk of engine.generate(prompt, { maxTokens: 24, temperature: 0, stop: '\n' }))
  if (chunk.done) console.log(`${before}[${chunk.text}]${behind}`);
await engine.close();
