/** The page as static files, with the headers that let a browser share memory between threads. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { EngineError } from '../core/errors.js';

/** Where `npm run build:web` puts the page. */
const PAGE = fileURLToPath(new URL('../../web/', import.meta.url));
const MODELS = fileURLToPath(new URL('../../../models/', import.meta.url));
const KERNELS = fileURLToPath(new URL('../../kernels/', import.meta.url));

/** Without these two a page has no SharedArrayBuffer, and so one thread. */
const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Anyone may ask for it, without a key. */
    readonly isPublic?: boolean;
  }
}

export const hasWeb = (): boolean => existsSync(`${PAGE}index.html`);

/**
 * Serves the page at `/`. `serves` tells it whether this server answers requests for tokens as well.
 * @throws EngineError when the page was not built
 */
export function registerWeb(app: FastifyInstance, { serves }: { serves: boolean }): void {
  if (!hasWeb()) {
    throw new EngineError({
      what: 'the page',
      given: 'a package in which it was not built',
      expected: `${PAGE}index.html`,
      todo: 'Run `npm run build`.',
    });
  }
  void app.register((scope, _options, done) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, isPublic: true };
    });
    scope.get('/waferflow.json', (_request, reply) =>
      reply.headers({ ...isolation, 'cache-control': 'no-cache' }).send({ serves }),
    );
    // A package has the page's model and kernels once, among its own.
    scope.get('/assets/:file', (request, reply) => {
      const { file } = request.params as { file: string };
      const [, name, ending] = /^([\w.-]+)-[\w-]{8}(\.gguf|\.wasm)$/.exec(file) ?? [];
      const own = `${name}${ending}`;
      const folders = [KERNELS, ...readdirSync(MODELS).map((folder) => `${MODELS}${folder}/`)];
      const folder = folders.find((one) => existsSync(one + own));
      if (name === undefined || folder === undefined) return reply.callNotFound();
      return reply.sendFile(own, folder, { immutable: true, maxAge: '1y' });
    });
    void scope.register(fastifyStatic, {
      root: PAGE,
      // This one route answers differently here.
      globIgnore: ['waferflow.json'],
      wildcard: false,
      preCompressed: true,
      cacheControl: false,
      setHeaders(reply, path) {
        for (const [name, value] of Object.entries(isolation)) reply.setHeader(name, value);
        // Names under assets/ change with their content.
        const isHashed = path.includes('/assets/');
        reply.setHeader('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
    done();
  });
}
