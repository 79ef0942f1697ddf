/** The models that are served, by their names. */
import { OptionError } from '../../core/errors.js';
import { EngineHost } from '../engine-host.js';
import { modelNotFound } from '../errors.js';
import type { Log } from '../log.js';
import { ModelPool, type PoolLimits } from './pool.js';
import type { ModelOptions, Served } from './served.js';

/** A name that clients may ask for. */
export interface NamedModel {
  readonly name: string;
  readonly served: Served;
}

/** A model that a request has, to be released when it is over. */
export interface Held extends NamedModel {
  release(): void;
}

export class Models {
  readonly pool: ModelPool;
  /** Each once, in the order in which they were given. */
  readonly served: readonly Served[];
  private readonly byName = new Map<string, Served>();
  private readonly fallback: Served | null;

  /** @param aliases pairs of a further name and the name of a model; `*` stands for all names that no model has */
  constructor(
    options: readonly ModelOptions[],
    aliases: Readonly<Record<string, string>>,
    limits: PoolLimits,
    log: Log,
  ) {
    this.served = options.map((one) => servedOf(one, log));
    this.pool = new ModelPool(this.served, limits, log);
    for (const one of this.served) this.name(one.options.id, one);
    for (const one of this.served) for (const name of one.options.aliases ?? []) this.name(name, one);
    for (const [name, target] of Object.entries(aliases))
      if (name !== '*') this.name(name, this.known(target));
    const all: string | undefined = aliases['*'];
    this.fallback =
      all === undefined
        ? (this.served.find((one) => one.options.takesAnyName === true) ?? null)
        : this.known(all);
  }

  /** Every name but `*`. */
  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  /** The model of that name, the first one where none is given. Throws an ApiError with status 404 where there is none. */
  find(name: string | null | undefined): NamedModel {
    const [first] = this.served;
    if (name === undefined || name === null || name === '')
      return { name: first!.options.id, served: first! };
    // Ollama's names may end in a tag; `latest` goes without saying.
    const served = this.byName.get(name) ?? this.byName.get(name.replace(/:latest$/, '')) ?? this.fallback;
    if (served !== null) return { name, served };
    const names = this.names.map((one) => JSON.stringify(one));
    const known = names.length > 8 ? `${names.slice(0, 8).join(', ')} and others are` : listed(names);
    throw modelNotFound(`The model ${JSON.stringify(name.slice(0, 100))} is not served here; ${known}.`);
  }

  /** Takes the model of that name for a request; waits while it is loaded. Rejects with an ApiError where that cannot be. */
  async use(name: string | null | undefined, signal?: AbortSignal): Promise<Held> {
    const found = this.find(name);
    return { ...found, release: await this.pool.use(found.served, signal) };
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private name(name: string, served: Served): void {
    const before = this.byName.get(name);
    if (before !== undefined && before !== served) throw nameTaken(name, before);
    this.byName.set(name, served);
  }

  private known(name: string): Served {
    const served = this.byName.get(name);
    if (served !== undefined) return served;
    throw new OptionError({
      what: 'alias',
      given: `one for ${JSON.stringify(name)}, which is not served`,
      expected: `the name of a model that is: ${this.names.join(', ')}`,
      todo: 'Serve that model as well, or choose another one.',
    });
  }
}

function nameTaken(name: string, { options }: Served): OptionError {
  return new OptionError({
    what: 'models to serve',
    given: `two that are called ${JSON.stringify(name)}`,
    expected: 'a name of its own for each',
    todo: `Leave one of them out, or give the other name of ${options.id} to none but it.`,
  });
}

function listed(names: readonly string[]): string {
  if (names.length === 1) return `${names[0]} is`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are`;
}

function servedOf(options: ModelOptions, log: Log): Served {
  return {
    options,
    host: new EngineHost(options.load, log),
    model: { id: options.id, created: Math.floor(Date.now() / 1000) },
    users: 0,
    lastUsedMs: 0,
    keepAliveMs: Number.POSITIVE_INFINITY,
    expiresMs: null,
    timer: null,
    isRetiring: false,
    memoryBytes: 0,
    version: null,
    checkedMs: 0,
  };
}
