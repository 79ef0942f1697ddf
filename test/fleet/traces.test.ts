/** Readers of request traces: what they take, and the line that they name when they do not. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseTrace } from '#src/fleet/requests/traces.js';
import { sharedPath } from '../helpers/shared.js';

const AZURE = 'TIMESTAMP,ContextTokens,GeneratedTokens\n';
const MOONCAKE = '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}\n';

describe('parseTrace', () => {
  it('reads Azure times to 100 ns, from zero', () => {
    const { seconds, promptTokens, outputTokens } = parseTrace(
      `${AZURE}2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319601,3180,8\n`,
      'a.csv',
    );
    expect(seconds[0]).toBe(0);
    expect(seconds[1]).toBeCloseTo(0.0520001, 7);
    expect([...promptTokens]).toEqual([4808, 3180]);
    expect([...outputTokens]).toEqual([10, 8]);
  });

  it('reads Mooncake lines with their blocks', () => {
    const trace = parseTrace(
      `${MOONCAKE}{"timestamp": 1500, "input_length": 513, "output_length": 1, "hash_ids": [0, 7]}`,
      'm.jsonl',
    );
    expect([...trace.seconds]).toEqual([0, 1.5]);
    expect([...trace.hashes]).toEqual([0, 1, 0, 7]);
    expect([...trace.hashStarts]).toEqual([0, 2]);
    expect(trace.hashCount).toBe(8);
  });

  it('reads a table of one’s own', () => {
    const trace = parseTrace('seconds,prompt_tokens,output_tokens\n0.5,10,2\n0.75,20,1\n', 'own.csv');
    expect([...trace.seconds]).toEqual([0, 0.25]);
  });

  it.each([
    ['', /line 1.*header/],
    ['a,b,c\n1,2,3\n', /x, line 1: got "a,b,c"/],
    [AZURE, /no requests/],
    [`${AZURE}2023-11-16 18:17:03,10,1\nyesterday,10,1\n`, /line 3: got "yesterday" as TIMESTAMP/],
    [`${AZURE}2023-11-16 18:17:03,10,1\n2023-11-16 18:17:04,10\n`, /line 3, column/],
    [`${AZURE}2023-11-16 18:17:03,ten,1\n`, /line 2, column 21: got "ten" as ContextTokens/],
    [`${AZURE}2023-11-16 18:17:03,0,1\n`, /line 2: got 0 prompt tokens/],
    [`${AZURE}2023-11-16 18:17:03,1.5,1\n`, /line 2: got 1.5 prompt tokens/],
    [`${AZURE}2023-11-16 18:17:03,5,99999999\n`, /line 2: got 99999999 output tokens/],
    [`${AZURE}2023-11-16 18:17:03,5,1\n2023-11-16 18:17:02,5,1\n`, /line 3: got a time before/],
    [`${AZURE}2023-13-46 18:17:03,5,1\n`, /line 2: got "2023-13-46/],
    [`${MOONCAKE}{"timestamp": 0, "input_length": 5`, /line 2: got the end of the text/],
    [`${MOONCAKE}[1]`, /line 2: got \[1\]/],
    [`${MOONCAKE}{"timestamp": 0, "output_length": 5}`, /line 2: got nothing as input_length/],
    [`${MOONCAKE}{"timestamp": 0, "input_length": 5, "output_length": 5}`, /line 2: got no hash_ids/],
    [
      '{"timestamp": 0, "input_length": 1024, "output_length": 5, "hash_ids": [1]}',
      /line 1: got 1 hash_ids for 1024/,
    ],
    [
      '{"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [-1]}',
      /line 1: got \[-1\] as hash_ids/,
    ],
    ['{"timestamp": 1e999, "input_length": 5, "output_length": 5}', /line 1: got Infinity as time/],
  ])('names the line of %j', (text, said) => {
    expect(() => parseTrace(text, 'x')).toThrow(said);
  });

  const names: readonly (readonly [string, number])[] = [
    ['azure-llm-2023-code.csv', 8819],
    ['azure-llm-2023-conv.csv', 19_366],
    ['mooncake-conversation.jsonl', 12_031],
  ];
  it.each(names.filter(([name]) => sharedPath(`data/traces/${name}`) !== null))(
    'reads the published %s',
    (name, requests) => {
      const trace = parseTrace(readFileSync(sharedPath(`data/traces/${name}`)!, 'utf8'), name);
      expect(trace.seconds).toHaveLength(requests);
      expect(trace.hashStarts.length).toBe(name.endsWith('.jsonl') ? requests : 0);
    },
  );
});
