/** A model under a name of its own with what a Modelfile adds: the engine, seen through it. */
import type { Engine, GenerateDefaults, GenerateOptions, Tokenizer } from '../../runtime/types.js';
import { seenAs } from './view.js';

export interface Preset {
  /** The name that it was made from. */
  readonly from: string;
  /** Said first in conversations that have no system message of their own. */
  readonly system: string | null;
  /** In Ollama's names, as given. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What those stand for here. */
  readonly defaults: GenerateDefaults;
  readonly stop: readonly string[];
  readonly licence: string | null;
}

const views = new WeakMap<Engine, WeakMap<Preset, Engine>>();

/** The engine as requests of the preset have it. */
export function presetEngine(engine: Engine, preset: Preset): Engine {
  const known = views.get(engine) ?? new WeakMap<Preset, Engine>();
  views.set(engine, known);
  const view = known.get(preset) ?? viewOf(engine, preset);
  known.set(preset, view);
  return view;
}

function viewOf(engine: Engine, preset: Preset): Engine {
  return seenAs(engine, {
    info: { ...engine.info, sampling: { ...engine.info.sampling, ...preset.defaults } },
    tokenizer: preset.system === null ? engine.tokenizer : withSystem(engine.tokenizer, preset.system),
    generate: (prompt, options: GenerateOptions = {}) =>
      engine.generate(prompt, {
        ...options,
        ...(preset.stop.length > 0 && { stop: [...preset.stop, ...listOf(options.stop)] }),
      }),
  });
}

function withSystem(tokenizer: Tokenizer, system: string): Tokenizer {
  return seenAs(tokenizer, {
    applyChatTemplate: (messages, options) =>
      tokenizer.applyChatTemplate(
        messages[0]?.role === 'system' ? messages : [{ role: 'system', content: system }, ...messages],
        options,
      ),
  });
}

function listOf(stop: GenerateOptions['stop']): readonly string[] {
  if (stop === undefined) return [];
  return typeof stop === 'string' ? [stop] : stop;
}
