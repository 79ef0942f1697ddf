/** A model in a page. In a copy of this folder: `npm i waferflow vite`, a GGUF file as `public/model.gguf`, `npx vite`. */
import { load } from 'waferflow/browser';

const said = document.querySelector('p');
const shown = document.querySelector('pre');
const prompt = 'export function add(';
const engine = await load('model.gguf');
const { name, workers } = engine.info;
said.textContent = `${name}, ${workers === 1 ? 'one thread' : `${workers} threads`}`;
shown.textContent = prompt;
for await (const chunk of engine.generate(prompt, { maxTokens: 40 })) {
  if (!chunk.done) {
    shown.textContent += chunk.text;
    continue;
  }
  said.textContent += `, ${chunk.timings.decodeTokensPerSecond.toFixed(0)} tokens/s in this tab`;
  shown.dataset.ids = chunk.ids.join();
}
await engine.close();
