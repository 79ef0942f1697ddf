/** The sliders of the planner. */

import { setParams } from '../state.js';
import { duration, figure, plural } from '../ui/format.js';
import { doublings, Select, Slider } from '../ui/slider.js';
import { machineLabel } from './ask/machines.js';
import { OFFERS } from './ask/offers.js';
import { GPU_NAMES, type Settings, WAFER_NAMES, WEIGHTS } from './settings.js';

const promptSteps = doublings(16, 131072, true);
const outputSteps = doublings(16, 32768, true);
const userSteps = doublings(1, 4096);
const ttftSteps = [10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000];
const tpotSteps = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200];
const waferCounts = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128];
const gpuCounts = [0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 72, 96, 128, 192, 256, 512];

export function Controls({ settings }: { settings: Settings }) {
  const set = (name: string) => (value: number | string) => setParams({ [name]: String(value) });
  const { card, wafer, gpu, wafers, gpus, promptTokens, outputTokens, users, weights, slo } = settings;
  const counts = (steps: readonly number[], now: number) =>
    [...new Set([...steps, now])]
      .sort((a, b) => a - b)
      .map((count) => ({ value: String(count), text: count === 0 ? 'fewest' : String(count) }));
  return (
    <form class="plan-controls" onSubmit={(event) => event.preventDefault()}>
      <Select
        label="Model"
        value={card.name}
        options={OFFERS.map(({ name }) => ({ value: name, text: name }))}
        onChange={set('model')}
      />
      <Select
        label="Weights"
        value={weights}
        options={WEIGHTS.map((value) => ({
          value,
          text: value === 'published' ? 'published' : `${value} bits`,
        }))}
        onChange={set('weights')}
      />
      <Select
        label="Wafer"
        value={wafer}
        options={WAFER_NAMES.map((value) => ({ value, text: machineLabel(value) }))}
        onChange={set('wafer')}
      />
      <Select
        label="How many"
        value={String(wafers)}
        options={counts(waferCounts, wafers)}
        onChange={set('wafers')}
      />
      <Select
        label="GPU"
        value={gpu}
        options={GPU_NAMES.map((value) => ({ value, text: machineLabel(value) }))}
        onChange={set('gpu')}
      />
      <Select
        label="How many"
        value={String(gpus)}
        options={counts(gpuCounts, gpus)}
        onChange={set('gpus')}
      />
      <Slider
        label="Prompt"
        value={promptTokens}
        steps={promptSteps}
        show={(tokens) => plural(tokens, 'token')}
        onChange={set('prompt')}
      />
      <Slider
        label="Output"
        value={outputTokens}
        steps={outputSteps}
        show={(tokens) => plural(tokens, 'token')}
        onChange={set('output')}
      />
      <Slider label="Users at once" value={users} steps={userSteps} show={figure} onChange={set('users')} />
      <Slider
        label="First token within (SLO)"
        value={slo.ttftMs}
        steps={ttftSteps}
        show={duration}
        onChange={set('ttft')}
      />
      <Slider
        label="Each further token within (SLO)"
        value={slo.tpotMs}
        steps={tpotSteps}
        show={duration}
        onChange={set('tpot')}
      />
    </form>
  );
}
