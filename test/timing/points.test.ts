/** Published speeds of systems as the planner is asked for them, and the columns of serving rows. */
import { describe, expect, it } from 'vitest';
import { cardOfHubName } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';
import { pointGroups, validatePoints } from '#src/timing/validation/points.js';
import { PUBLISHED_GPU_CASES } from '#src/timing/validation/published-cases.js';
import { validate } from '#src/timing/validation/validation.js';

const HEADER =
  'machine,model,precision,metric,published,count,tp,moe_tp,moe_ep,engine,weights,kv,prompt,output,concurrency,draft,acceptance,source,remark';
const points = (...rows: string[]) =>
  validatePoints([HEADER, ...rows].join('\n'), 'p.csv', cardOfHubName, findMachine);

describe('points', () => {
  it('are what plan says, in every metric, with quoted cells', () => {
    const [tpot, rate, whole] = points(
      'h200,llama-3.1-8b,,tpot_ms,5,,1,,,vllm,16,,512,256,4,,,"a page, quoted",',
      'h200,llama-3.1-8b,,tokens_per_s_per_user,200,,1,,,vllm,16,,512,256,4,,,x,',
      'h200,llama-3.1-8b,,output_tokens_per_s_per_machine,400,2,1,,,vllm,16,,512,256,4,,,x,late',
    );
    const request = {
      promptTokens: 512,
      outputTokens: 256,
      concurrency: 4,
      tensorParallel: 1,
      engine: 'vllm',
      weightBits: 16,
    } as const;
    const asked = plan(cardOfHubName('llama-3.1-8b'), findMachine('h200'), request);
    expect(tpot).toMatchObject({ predicted: asked.tpotMs, source: 'a page, quoted' });
    expect(rate!.predicted).toBe(1e3 / asked.tpotMs);
    const two = plan(cardOfHubName('llama-3.1-8b'), findMachine('h200'), { ...request, count: 2 });
    expect(whole).toMatchObject({ predicted: two.tokensPerSecond / 2, remark: 'late' });
  });

  it('are summed up by kind of machine, metric and drafting, without suspect rows', () => {
    const said = points(
      'h200,llama-3.1-8b,,tpot_ms,5,,1,,,vllm,16,,512,256,4,,,x,',
      'h200,llama-3.1-8b,,tpot_ms,50,,1,,,vllm,16,,512,256,4,,,x,suspect',
      'h200,llama-3.1-8b,,tpot_ms,5,,1,,,vllm,16,,512,256,4,4,0.8,x,',
    );
    const groups = pointGroups(said);
    expect(groups.map(({ group }) => group)).toEqual(['GPUs, tpot_ms', 'GPUs, tpot_ms, with drafting']);
    expect(groups[0]).toMatchObject({ points: 1, mape: Math.abs(said[0]!.predicted! / 5 - 1) * 100 });
  });

  it('say why a row cannot be predicted, and go on', () => {
    const [groq, metric, good] = points(
      'groq lpu,llama-3.1-70b,,output_tokens_per_s,1665,,,,,,,,,,,,,x,',
      'h100,llama-3.1-8b,,joy,1,,,,,,,,,,,,,x,',
      'h100,llama-3.1-8b,,tpot_ms,8,,,,,,,,,,,,,x,',
    );
    expect(groq).toMatchObject({ predicted: null, reason: expect.stringContaining('groq lpu') });
    expect(metric).toMatchObject({ predicted: null, reason: expect.stringContaining('joy') });
    expect(good!.predicted).toBeGreaterThan(0);
  });
});

describe('serving rows', () => {
  const [header, first] = PUBLISHED_GPU_CASES.split('\n') as [string, string];
  const rows = (columns: string, ...cells: string[]) =>
    validate(
      null,
      { text: [`${header}${columns}`, ...cells.map((c) => `${first}${c}`)].join('\n'), file: 'g.csv' },
      cardOfHubName,
    );
  it('take harness and cache width from their columns', () => {
    const [slots, , loop, , narrow] = rows(
      ',harness,kv_bits',
      ',slots,16',
      ',closed-loop,16',
      ',closed-loop,8',
    ).rows;
    expect(slots!.predicted).toBeGreaterThan(loop!.predicted);
    expect(narrow!.predicted).toBeLessThan(loop!.predicted);
    expect(rows(',harness', ',nobody').skipped[0]!.reason).toContain('nobody');
  });

  it('are suspect where tp is a product of the experts’ numbers, or few users are slower than many', () => {
    const mixed = `openai/gpt-oss-120b,H100,fp4,vllm,1024,1024,8,16,4,4,226,9.88`;
    const text = (lines: string[]) => ({ text: [header, ...lines].join('\n'), file: 'g.csv' });
    const [converted] = validate(null, text([mixed]), cardOfHubName).rows;
    expect(converted!.suspect).toContain('product');
    const [as] = validate(null, text([mixed.replace('16,4,4', '4,1,4')]), cardOfHubName).rows;
    expect(converted!.predicted).toBe(as!.predicted);
    const slow = first.replace(',32,1,1,1,226,9.88', ',4,1,1,1,100,40');
    const found = validate(null, text([slow, first]), cardOfHubName).rows.filter((row) => row.suspect);
    expect(found.map((row) => row.published)).toEqual([100, 40]);
  });
});
