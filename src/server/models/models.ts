/** The models that are served, by their names. */
import { OptionError } from '../../core/errors.js';
import { KiB } from '../../core/units.js';
import { EngineHost } from '../engine-host.js';
import { badRequest, modelNotFound } from '../errors.js';
import type { Holding, Memory } from '../gate/memory.js';
import { sizeOf } from '../gate/weight.js';
import type { Log } from '../log.js';
import { type MadeName, NamesFile } from './names-file.js';
import { chosen, type Pair, type PairMode, type PairOptions, pairModes } from './pair.js';
import { ModelPool, type PoolLimits } from './pool.js';
import type { Preset } from './preset.js';
import type { ModelOptions, Served } from './served.js';

/** A name that clients may ask for. */
export interface NamedModel {
  readonly name: string;
  readonly served: Served;
  /** The adapter that the name stands for; null for the model alone. */
  readonly adapter: string | null;
  /** What was made of it under this name; null for the model as it is. */
  readonly preset: Preset | null;
  /** A quicker model that drafts for it, where there is room for both. */
  readonly draft: Served | null;
}

/** What stands behind a name. */
interface Entry {
  readonly served: Served;
  readonly preset: Preset | null;
  readonly adapter: string | null;
  readonly pair: Pair | null;
  /** Who gave the name, and may take it back; null for the server itself. */
  readonly owner: string | null;
  /** What the server holds for it. */
  readonly holding?: Holding;
}

/** A model that a request has, to be released when it is over. */
export interface Held extends NamedModel {
  release(): void;
}

/** Who makes a model, and what for. */
export interface Maker {
  readonly owner: string;
  /** One owner may make one of so many parts of all. */
  readonly parts: number;
  readonly memory: Memory;
}

export interface UseOptions {
  readonly signal?: AbortSignal | undefined;
  readonly mode?: PairMode | undefined;
  /** Who asks. */
  readonly owner?: string | undefined;
}

/** A pair in one of its modes. */
interface PairEntry extends Entry {
  readonly mode: PairMode;
}

export interface NameOptions {
  /** Further names of models and pairs; `*` stands for all names that no model has. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly pairs?: readonly PairOptions[];
  /** Path of a file that keeps the names that clients make; by default they go with the server. */
  readonly names?: string;
}

export class Models {
  readonly pool: ModelPool;
  /** Each once, in the order in which they were given. */
  readonly served: readonly Served[];
  private readonly log: Log;
  private readonly byName = new Map<string, Entry>();
  private readonly fallback: Entry | null;
  private readonly kept: NamesFile | null;
  /** Made names of models that are not served this time; they stay in the file. */
  private readonly absent: MadeName[] = [];

  constructor(
    options: readonly ModelOptions[],
    { aliases = {}, pairs = [], names }: NameOptions,
    limits: PoolLimits,
    log: Log,
  ) {
    this.log = log;
    this.served = options.map((one) => servedOf(one, log));
    this.pool = new ModelPool(this.served, limits, log);
    for (const one of this.served) this.name(one.options.id, one);
    for (const one of this.served) for (const name of one.options.aliases ?? []) this.name(name, one);
    for (const one of this.served) {
      for (const name of one.options.adapters ?? []) {
        if (this.byName.has(name)) throw nameTaken(name, this.byName.get(name)!.served);
        this.byName.set(name, { served: one, preset: null, adapter: name, pair: null, owner: null });
      }
    }
    for (const { name, quick, thorough, verifies = false } of pairs) {
      const pair = { quick: this.known(quick).served, thorough: this.known(thorough).served, verifies };
      if (this.byName.has(name)) throw nameTaken(name, pair.quick);
      this.byName.set(name, { served: pair.quick, preset: null, adapter: null, pair, owner: null });
    }
    for (const [name, target] of Object.entries(aliases))
      if (name !== '*') this.alias(name, this.known(target));
    this.kept = names === undefined ? null : new NamesFile(names);
    for (const made of this.kept?.read() ?? []) this.remake(made);
    const all: string | undefined = aliases['*'];
    this.fallback =
      all === undefined
        ? plainEntry(this.served.find((one) => one.options.takesAnyName === true))
        : this.known(all);
  }

  /** Every name but `*`. */
  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  /** The model of that name, the first one where none is given; of a pair the one for the mode. Throws an ApiError with status 404 where there is none. */
  find(name: string | null | undefined, mode: PairMode = 'quick'): NamedModel {
    const given = name || this.served[0]!.options.id;
    // Ollama's names may end in a tag; `latest` goes without saying.
    const entry = this.byName.get(given) ?? this.byName.get(given.replace(/:latest$/, ''));
    const inMode = entry ?? this.pairMode(given) ?? this.fallback;
    if (inMode !== null) {
      const { served, preset, adapter, pair } = inMode;
      const named = (inMode as Partial<PairEntry>).mode ?? mode;
      const own = pair === null ? { served, draft: null } : chosen(pair, named);
      return { name: given, preset, adapter, ...own };
    }
    const names = this.names.map((one) => JSON.stringify(one));
    const known = names.length > 8 ? `${names.slice(0, 8).join(', ')} and others are` : listed(names);
    throw modelNotFound(`The model ${JSON.stringify(given.slice(0, 100))} is not served here; ${known}.`);
  }

  /** Takes the model of that name for a request; waits while it is loaded. Rejects with an ApiError where that cannot be. */
  async use(name: string | null | undefined, { signal, mode, owner }: UseOptions = {}): Promise<Held> {
    const found = this.find(name, mode);
    const release = await this.pool.use(found.served, signal, owner);
    if (found.draft === null) return { ...found, release };
    // Without its help the answer is the same.
    const releaseDraft = await this.pool.useIfRoom(found.draft, signal, owner);
    if (releaseDraft === null) return { ...found, draft: null, release };
    return {
      ...found,
      release: () => {
        release();
        releaseDraft();
      },
    };
  }

  /** Looks at the files of all models, one after the other; those at fault are noted in the log. */
  async measure(): Promise<void> {
    for (const { options } of this.served)
      await options.memory?.().catch((error: unknown) => {
        this.log.warn({ err: error, model: options.id }, 'this model cannot be loaded as it is');
      });
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /**
   * Gives a model a further name. Throws an ApiError where that is the name of a model that the server was started with or
   * that another key made, and where there is no room for one more.
   */
  make(name: string, { served, preset }: Pick<NamedModel, 'served' | 'preset'>, maker: Maker): void {
    const { owner, parts, memory } = maker;
    this.requireMade(name, owner);
    const made = [...this.byName.values()].filter((one) => one.owner !== null);
    const own = made.filter((one) => one.owner === owner).length;
    if ((made.length >= mostMade || own * parts >= mostMade) && !this.byName.has(name))
      throw badRequest(
        `${own} models were made, as many as there may be: delete one.`,
        'model',
        'too_many_models',
      );
    const bytes = sizeOf(preset);
    if (bytes > mostMadeBytes)
      throw badRequest(
        `What makes a model takes ${bytes} bytes, at most ${mostMadeBytes}: shorten its texts.`,
      );
    const holding = memory.hold(owner, bytes);
    this.byName.get(name)?.holding?.release();
    this.byName.set(name, { served, preset, adapter: null, pair: null, owner, holding });
    this.keep();
  }

  /** Takes a name back. Throws an ApiError where there is none, or where it is not the owner's. */
  unmake(name: string, owner: string): void {
    const known = [name, name.replace(/:latest$/, '')].find((one) => this.byName.has(one));
    if (known === undefined) this.find(name);
    this.requireMade(known ?? name, owner);
    this.byName.get(known ?? name)?.holding?.release();
    this.byName.delete(known ?? name);
    this.keep();
  }

  private keep(): void {
    const made = [...this.byName]
      .filter(([, { owner }]) => owner !== null)
      .map(([name, { served, preset, owner }]) => ({
        name,
        model: served.options.id,
        preset,
        owner: owner!,
      }));
    this.kept?.write([...made, ...this.absent]);
  }

  /** A name of the file, where its model is served and nothing else has the name. */
  private remake(made: MadeName): void {
    const { name, model, preset, owner } = made;
    const served = this.byName.get(model)?.served;
    if (served !== undefined && !this.byName.has(name)) {
      this.byName.set(name, { served, preset, adapter: null, pair: null, owner });
      return;
    }
    this.absent.push(made);
    this.log.warn(
      { name, model },
      'a name of the file is left out: its model is not served, or has it itself',
    );
  }

  private requireMade(name: string, owner: string): void {
    const holder = this.byName.get(name)?.owner;
    if (holder === undefined || holder === owner) return;
    if (holder !== null)
      throw badRequest(
        `${JSON.stringify(name.slice(0, 100))} was made with another key: choose another name.`,
        'model',
        'model_is_of_another_key',
      );
    throw badRequest(
      `${JSON.stringify(name.slice(0, 100))} is a model that this server was started with: choose another name.`,
      'model',
      'model_is_fixed',
    );
  }

  private name(name: string, served: Served): void {
    const before = this.byName.get(name)?.served;
    if (before !== undefined && before !== served) throw nameTaken(name, before);
    this.byName.set(name, plainEntry(served)!);
  }

  private alias(name: string, entry: Entry): void {
    const before = this.byName.get(name);
    if (before !== undefined) throw nameTaken(name, before.served);
    this.byName.set(name, entry);
  }

  /** A pair by its name and one of its modes. */
  private pairMode(name: string): PairEntry | null {
    const colon = name.lastIndexOf(':');
    const mode = pairModes.find((one) => one === name.slice(colon + 1));
    const entry = this.byName.get(name.slice(0, Math.max(0, colon)));
    return mode === undefined || !entry?.pair ? null : { ...entry, mode };
  }

  private known(name: string): Entry {
    const entry = this.byName.get(name);
    if (entry !== undefined) return entry;
    throw new OptionError({
      what: 'alias or pair',
      given: `one of ${JSON.stringify(name)}, which is not served`,
      expected: `the name of a model that is: ${this.names.join(', ')}`,
      todo: 'Serve that model as well, or choose another one.',
    });
  }
}

/** Names that clients may make. */
const mostMade = 1000;
/** Of the texts and parameters of one. */
const mostMadeBytes = 256 * KiB;

function plainEntry(served: Served | undefined): Entry | null {
  return served === undefined ? null : { served, preset: null, adapter: null, pair: null, owner: null };
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
