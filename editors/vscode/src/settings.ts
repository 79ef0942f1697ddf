/** The settings of the user, read at each use. */
import { workspace } from 'vscode';
import type { CompleterOptions } from './completer.js';

export interface Settings extends Omit<CompleterOptions, 'fillIn'> {
  /** `auto`: by the size of the model, where it is known. */
  readonly fillIn: CompleterOptions['fillIn'] | 'auto';
  readonly enabled: boolean;
  readonly source: 'embedded' | 'waferflow' | 'openai';
  readonly server: string;
  readonly model: string;
  readonly languages: readonly string[];
  readonly workers: number;
}

/** Those that another source has to be opened for. */
export const SOURCE_SETTINGS = ['source', 'server', 'model', 'workers'].map((name) => `waferflow.${name}`);

export function settings(): Settings {
  return workspace.getConfiguration().get<Settings>('waferflow')!;
}
