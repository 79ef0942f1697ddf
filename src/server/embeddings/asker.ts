/** Who asks for vectors, as the road wants to know it. */
import type { FastifyRequest } from 'fastify';

export function askerOf({ id, caller }: FastifyRequest) {
  return { id, caller: caller.name, tier: 'interactive' } as const;
}
