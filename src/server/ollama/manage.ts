/** What Ollama's clients ask about the models and do with them: list, show, pull, copy, create, delete. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import { parseBody } from '../http.js';
import { anyObject } from '../list.js';
import type { Maker, Models, NamedModel } from '../models/models.js';
import type { Preset } from '../models/preset.js';
import { parseModelfile } from './modelfile.js';
import { listedModel, runningModel, shownModel } from './models.js';
import { presetOptions } from './request.js';
import { namedModel } from './use.js';

const text = z.string();
const name = text.max(200).nullish();
const named = z.object({ model: name, name });
const pullBody = named.extend({ stream: z.boolean().nullish() });
const copyBody = z.object({ source: text.min(1), destination: text.min(1).max(200) });
const createBody = pullBody.extend({
  from: text.nullish(),
  system: text.nullish(),
  template: text.nullish(),
  license: z.union([text, z.array(text)]).nullish(),
  parameters: anyObject.nullish(),
  /** As older clients send it. */
  modelfile: text.nullish(),
});

/** What makes another model of the weights, which is not done while serving. */
const OTHER_WEIGHTS = ['files', 'adapters', 'quantize', 'messages'] as const;

export function registerManagement(
  scope: FastifyInstance,
  { models, keys: { parts }, memory }: ServerContext,
): void {
  const makerOf = ({ caller }: FastifyRequest): Maker => ({ owner: caller.name, parts, memory });
  scope.get('/api/tags', async () => ({
    models: await Promise.all(models.names.map((one) => listedModel(models.find(one)))),
  }));
  scope.get('/api/ps', async () => ({
    models: await Promise.all(
      models.served.flatMap(({ options: { id }, host: { state } }) =>
        state.kind === 'ready' ? [runningModel(models.find(id), state.engine)] : [],
      ),
    ),
  }));
  scope.post('/api/show', (request) => {
    const body = parseBody(named, request.body);
    return shownModel(namedModel(models, body.model ?? body.name));
  });
  scope.post('/api/pull', (request, reply) => {
    const body = parseBody(pullBody, request.body);
    namedModel(models, body.model ?? body.name);
    // It is there: clients ask before they start.
    return statuses(reply, body.stream, ['pulling manifest']);
  });
  scope.post('/api/copy', (request, reply) => {
    const { source, destination } = parseBody(copyBody, request.body);
    models.make(destination, namedModel(models, source), makerOf(request));
    return reply.code(200).send();
  });
  scope.post('/api/create', (request, reply) => {
    const body = parseBody(createBody, request.body);
    create(models, body, request.body as object, makerOf(request));
    return statuses(reply, body.stream, ['parsing parameters', 'writing manifest']);
  });
  scope.delete('/api/delete', (request, reply) => {
    const body = parseBody(named, request.body);
    const { name: wanted } = namedModel(models, body.model ?? body.name);
    models.unmake(wanted, request.caller.name);
    return reply.code(200).send();
  });
}

/** What is done is told a line each, where the client does not want the last one alone. */
function statuses(
  reply: FastifyReply,
  stream: boolean | null | undefined,
  steps: readonly string[],
): unknown {
  const last = { status: 'success' };
  if (stream === false) return last;
  const lines = [...steps.map((status) => ({ status })), last].map((line) => `${JSON.stringify(line)}\n`);
  return reply.type('application/x-ndjson').send(lines.join(''));
}

function create(models: Models, body: z.infer<typeof createBody>, whole: object, maker: Maker): void {
  const refused = OTHER_WEIGHTS.find((field) => Object.hasOwn(whole, field));
  if (refused !== undefined)
    throw badRequest(`\`${refused}\` is not taken here: a model is made of one that is served.`, refused);
  const file = body.modelfile == null ? null : parseModelfile(body.modelfile);
  const from = body.from ?? file?.from;
  const wanted = body.model ?? body.name;
  if (!wanted) throw badRequest('model: expected the name of the new model', 'model');
  if (!from) throw badRequest('from: expected the name of a model that is served', 'from');
  const base = namedModel(models, from);
  requireTemplate(base, body.template ?? file?.template ?? null);
  const parameters = {
    ...base.preset?.parameters,
    ...file?.parameters,
    ...body.parameters,
  };
  const licence = [body.license ?? file?.licence ?? base.preset?.licence ?? []].flat().join('\n\n');
  const preset: Preset = {
    from,
    system: body.system ?? file?.system ?? base.preset?.system ?? null,
    parameters,
    ...presetOptions(parameters),
    licence: licence === '' ? null : licence,
  };
  models.make(wanted, { served: base.served, preset }, maker);
}

/** Templates of Ollama are in another language than those of the models' files. */
function requireTemplate({ served: { host } }: NamedModel, template: string | null): void {
  const { state } = host;
  const own = state.kind === 'ready' ? state.engine.tokenizer.chatTemplate : null;
  if (template !== null && template !== own)
    throw badRequest('template: the template of the model cannot be replaced', 'template');
}
