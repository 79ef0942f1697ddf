#!/usr/bin/env node
/**
 * The server under llama-server's options, for llama.cpp's own server tests (llama-server-tests.sh): whatever model
 * they name, it is the one of LLAMA_TEST_MODEL. Options that have no counterpart here are passed over.
 */
import { readFileSync } from 'node:fs';
import { load } from '../../dist/src/index.js';
import { hashKey } from '../../dist/src/server/gate/keys.js';
import { startServer } from '../../dist/src/server/serve.js';

const given = process.argv.slice(2);
const value = (name, otherwise) => (given.includes(name) ? given[given.indexOf(name) + 1] : otherwise);

/** llama-server has templates by name, and takes the first of them where a file has none. */
const namedTemplates = {
  chatml:
    '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}',
  llama3:
    '{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}',
  'command-r':
    "{% for m in messages %}<|START_OF_TURN_TOKEN|>{% if m.role == 'assistant' %}<|CHATBOT_TOKEN|>{% else %}<|{{ m.role | upper }}_TOKEN|>{% endif %}{{ m.content | trim }}<|END_OF_TURN_TOKEN|>{% endfor %}{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}",
};
const templateFile = value('--chat-template-file', null);
const template = value('--chat-template', 'chatml');

const slots = Number(value('--parallel', 1));
const size = Number(value('--ctx-size', 512));
const context = given.includes('--kv-unified') ? size : Math.floor(size / slots);
const predicted = Number(value('--n-predict', -1));
const key = value('--api-key', null);
// They ask as soon as there is an answer, so the model comes first.
const engine = await load(process.env.LLAMA_TEST_MODEL, {
  context,
  // It goes past what a model was trained for without further ado.
  ...(context > 512 && { ropeScaling: { type: 'linear', factor: Math.ceil(context / 512) } }),
  kvTokens: context * slots,
  prefillChunk: Number(value('--batch-size', 64)),
  maxRunning: slots,
  workers: 1,
  chatTemplate:
    templateFile === null ? (namedTemplates[template] ?? template) : readFileSync(templateFile, 'utf8'),
  // llama-server hands these to every template.
  chatVariables: {
    enable_thinking: value('--reasoning', 'auto') !== 'off',
    date_string: new Date().toUTCString().slice(5, 16),
  },
  defaults: {
    temperature: Number(value('--temp', 0.8)),
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    seed: Number(value('--seed', 0)),
    ...(predicted > 0 && { maxTokens: predicted }),
  },
});
const [id, ...aliases] = value('--alias', 'stories').split(',');
const server = await startServer({
  load: () => Promise.resolve(engine),
  model: { id, aliases, takesAnyName: true },
  port: Number(value('--port', 8080)),
  host: value('--host', '127.0.0.1').split(',')[0],
  logLevel: 'silent',
  // All pages may use it where nothing else is said.
  origins: [value('--cors-origins', '*')],
  keys:
    key === null
      ? []
      : [{ name: 'test', sha256: hashKey(key), requestsPerMinute: null, tokensPerMinute: null }],
});
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => server.close().then(() => process.exit(0)));
