/** One fleet of fixed size under more and more users: how its speed falls, and how many keep the SLO. */
import type { ModelCard } from '../../../../models/card.js';
import { plan } from '../../../timing/estimate.js';
import type { Machine, PlanRequest } from '../../../timing/estimate-types.js';
import type { Slo, Sweep, SweepPoint } from './api.js';

const mostUsers = 4096;

/** @throws what `plan` throws for one user */
export function sweepUsers(card: ModelCard, machine: Machine, request: PlanRequest, slo: Slo): Sweep {
  // As many machines for every point as the asked-for users need.
  const { count } = plan(card, machine, request);
  const known = new Map<number, SweepPoint>();
  const pointAt = (users: number): SweepPoint => {
    const before = known.get(users);
    if (before !== undefined) return before;
    const result = plan(card, machine, { ...request, count, concurrency: users });
    const { ttftMs, tpotMs, tokensPerSecondPerUser, tokensPerSecond, dollarsPerMTokens, joulesPerToken } =
      result;
    const point = {
      users,
      count,
      ttftMs,
      tpotMs,
      tokensPerSecondPerUser,
      tokensPerSecond,
      dollarsPerMTokens,
      joulesPerToken,
    };
    known.set(users, point);
    return point;
  };
  const meets = (users: number): boolean => {
    const { ttftMs, tpotMs } = pointAt(users);
    return ttftMs <= slo.ttftMs && tpotMs <= slo.tpotMs;
  };
  let within = 0;
  let beyond = 1;
  while (beyond <= mostUsers && meets(beyond)) {
    within = beyond;
    beyond *= 2;
  }
  while (beyond - within > 1 && beyond <= mostUsers) {
    const middle = (within + beyond) >> 1;
    if (meets(middle)) within = middle;
    else beyond = middle;
  }
  // The picture wants the powers of two up to where the machines are plainly full.
  const end = Math.min(mostUsers, Math.max(64, 4 * within, 2 * request.concurrency));
  for (let users = 1; users <= end; users *= 2) pointAt(users);
  const isDrawn = (users: number): boolean =>
    users === request.concurrency || Number.isInteger(Math.log2(users));
  pointAt(request.concurrency);
  const points = [...known.values()]
    .filter(({ users }) => users <= end && isDrawn(users))
    .sort((a, b) => a.users - b.users);
  return { machine: machine.name, points, usersWithinSlo: within };
}
