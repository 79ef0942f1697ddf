/** Every vocabulary and every kind of pre-tokeniser against llama.cpp's ids, where its vocabularies are at hand. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { GgufFile } from '#src/formats/gguf.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import { preTokenizers } from '#src/formats/tokenizers/pre-tokenizers.js';
import { readBytes } from '../../helpers/gguf.js';
import { sharedPath } from '../../helpers/shared.js';

interface Golden {
  readonly text: string;
  readonly ids: readonly number[];
  /** Ids with special tokens parsed, where they differ. */
  readonly special?: readonly number[];
}
interface PreTokenizerClass {
  readonly class: string;
  readonly names: readonly string[];
  readonly add_bos_default: Readonly<Record<string, number>>;
}

const cases = sharedPath('cases/tokenizers');
/** llama.cpp's source tree has the vocabularies; `shared/peers/get-llama-cpp.sh` fetches it there. */
const peers = process.env.WAFERFLOW_PEERS ?? `${homedir()}/.cache/waferflow-peers`;
const vocabularies = `${peers}/llama.cpp/models`;
const here = cases !== null && existsSync(vocabularies);

function goldens(path: string): Golden[] {
  const lines = readFileSync(`${cases}/${path}`, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Golden);
}

function open(vocabulary: string): Promise<GgufFile> {
  return readBytes(readFileSync(`${vocabularies}/ggml-vocab-${vocabulary}.gguf`));
}

/** The share of goldens that a tokenizer gets right. */
function share(tokenizer: ReturnType<typeof createTokenizer>, path: string): number {
  const same = (a: readonly number[], b: readonly number[]) =>
    a.length === b.length && a.every((id, i) => id === b[i]);
  const right = goldens(path).flatMap(({ text, ids, special }) => [
    same(tokenizer.encode(text, { bos: false }), ids),
    ...(special ? [same(tokenizer.encode(text, { bos: false, special: true }), special)] : []),
  ]);
  return right.filter(Boolean).length / right.length;
}

/** llama.cpp leaves out Qwen's NFC, which 4 % of the strings need. */
const least = (name: string): number => (/^qwen/.test(name) ? 0.96 : 0.995);

describe.skipIf(!here)('the ids of llama.cpp', () => {
  it.each(here ? readdirSync(`${cases}/tok`).map((name) => name.replace('.jsonl', '')) : [])(
    'vocabulary %s',
    async (name) => {
      if (!existsSync(`${vocabularies}/ggml-vocab-${name}.gguf`)) return;
      const tokenizer = createTokenizer(await open(name));
      expect(share(tokenizer, `tok/${name}.jsonl`)).toBeGreaterThanOrEqual(least(name));
      const eog = JSON.parse(readFileSync(`${cases}/eog.json`, 'utf8'));
      const { eog: ends, fim } = eog[`ggml-vocab-${name}.gguf`];
      expect([...tokenizer.eosIds].sort((a, b) => a - b)).toEqual(Object.keys(ends).map(Number));
      const { prefix, suffix, middle } = tokenizer.fim ?? { prefix: -1, suffix: -1, middle: -1 };
      expect([prefix, suffix, middle]).toEqual(fim);
    },
  );

  it("Qwen's ids of decomposed text are those of Hugging Face", async () => {
    const tokenizer = createTokenizer(await open('qwen2'));
    const { cases: texts } = JSON.parse(readFileSync(sharedPath('cases/a1-nfc.json')!, 'utf8')) as {
      cases: { text: string; expected?: number[] }[];
    };
    for (const { text, expected } of texts) if (expected) expect(tokenizer.encode(text)).toEqual(expected);
  });

  it('every name of a pre-tokeniser, its class and its BOS', { timeout: 120_000 }, async () => {
    const base = await open('llama-bpe');
    const { classes } = JSON.parse(readFileSync(`${cases}/classes.json`, 'utf8')) as {
      classes: PreTokenizerClass[];
    };
    for (const { class: kind, names, add_bos_default } of classes) {
      for (const name of names) {
        expect(preTokenizers.filter((entry) => entry.names.includes(name))).toHaveLength(1);
        if (name !== kind) continue;
        const metadata = new Map(base.metadata).set('tokenizer.ggml.pre', name);
        const tokenizer = createTokenizer(new GgufFile(base.source, 3, metadata, base.tensors));
        expect(share(tokenizer, `pre/${kind}.jsonl`), name).toBeGreaterThanOrEqual(least(name));
        expect(tokenizer.addBos, name).toBe(add_bos_default[name] === 1);
      }
    }
  });
});
