/** Opens the source that the settings name. */
import { pathToFileURL } from 'node:url';
import type { Settings } from './settings.js';
import { embeddedSource } from './sources/embedded.js';
import { httpSource } from './sources/http.js';
import { socketSource } from './sources/socket.js';
import type { Source } from './sources/source.js';
import type { Engine } from './waferflow.js';

interface EngineModule {
  load(model: string | undefined, options: { readonly workers?: number }): Promise<Engine>;
}

/** `engine` is the path of waferflow's library in the extension: a module of its own, which finds its workers beside it. */
export async function openSource(settings: Settings, apiKey: string | null, engine: string): Promise<Source> {
  const { source, server, model, workers } = settings;
  if (source === 'openai') return httpSource({ url: server, apiKey, model });
  if (source === 'waferflow') return socketSource({ url: server, apiKey });
  const { load } = (await import(pathToFileURL(engine).href)) as EngineModule;
  return embeddedSource(await load(model === '' ? undefined : model, workers > 0 ? { workers } : {}));
}
