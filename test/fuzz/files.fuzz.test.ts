/** What comes as files of others: models whose bytes changed, and traces. Errors in words, or an answer. */
import fc from 'fast-check';
import { WaferflowError } from '#src/core/errors.js';
import { parseTrace } from '#src/fleet/requests/traces.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import { tinyModel } from '../helpers/tiny-model.js';
import { target } from './fuzz.js';

async function orRefuses(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    if (!(thrown instanceof WaferflowError)) throw thrown;
  }
}

const files = [tinyModel({ weightType: 'Q8_0' }), tinyModel({ tokenizer: 'gpt2' })];
/** The weights behind it are numbers, any of which are right. */
const headerBytes = 12_000;

target(
  'a model file with other bytes',
  fc.record({
    file: fc.nat(files.length - 1),
    cut: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.nat(headerBytes)),
    changes: fc.array(fc.tuple(fc.nat(headerBytes), fc.nat(255)), { maxLength: 8 }),
  }),
  async ({ file, cut, changes }) => {
    const bytes = files[file]!.slice(0, cut ?? undefined);
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
    await orRefuses(async () => {
      const read = await readGguf(bytesSource(bytes));
      readModel(read, null);
      createTokenizer(read).encode('a text <s> of some words 123');
    });
  },
  0.5,
);

const cell = fc.oneof(
  fc.constantFrom('', '0', '-1', '1e999', 'NaN', '"', '2023-11-16 18:17:03.979960', '{}', '\u0000'),
  fc.integer().map(String),
  fc.string({ maxLength: 6 }),
);
const line = fc.oneof(
  fc.array(cell, { maxLength: 5 }).map((cells) => cells.join()),
  fc
    .record(
      {
        timestamp: fc.oneof(fc.nat(), fc.jsonValue()),
        input_length: fc.oneof(fc.nat(9999), fc.jsonValue()),
        output_length: fc.oneof(fc.nat(9999), fc.jsonValue()),
        hash_ids: fc.oneof(fc.array(fc.nat(99)), fc.jsonValue()),
      },
      { requiredKeys: [] },
    )
    .map((row) => JSON.stringify(row)),
);

target(
  'a trace of requests',
  fc.tuple(
    fc.constantFrom('', 'TIMESTAMP,ContextTokens,GeneratedTokens\n', '\ufeff'),
    fc.array(line, { maxLength: 8 }),
    fc.constantFrom('trace.csv', 'trace.jsonl', 'trace'),
  ),
  async ([head, lines, name]) => {
    await orRefuses(() => parseTrace(head + lines.join('\n'), name));
  },
);
