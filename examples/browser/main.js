/** A model in a page: bundle with Vite, serve `model.gguf` beside it. Threads need the headers COOP and COEP. */
import { load } from 'waferflow/browser';

const shown = document.querySelector('pre');
const engine = await load('model.gguf');
for await (const chunk of engine.generate('hello', { maxTokens: 8 })) {
  if (!chunk.done) shown.textContent += chunk.text;
  else shown.dataset.ids = chunk.ids.join();
}
await engine.close();
