/** When requests arrive: renewal processes, and a rate that changes over the day. */
import type { Rng } from '../../core/rng.js';

export interface ArrivalSpec {
  /** Mean over time. */
  readonly requestsPerSecond: number;
  /** 1: Poisson; smaller: gamma-distributed gaps in bursts; larger: more even; Infinity: a fixed gap. */
  readonly burstiness: number;
  /** The rate swings by this share of the mean around it, 0 to 1, once per `daySeconds`. */
  readonly dailySwing: number;
  readonly daySeconds: number;
}

export const STEADY = { burstiness: 1, dailySwing: 0, daySeconds: 86_400 } as const;

/** A standard gamma number (Marsaglia and Tsang, ACM TOMS 26, 2000). */
export function gamma(shape: number, rng: Rng): number {
  if (shape < 1) return gamma(shape + 1, rng) * (1 - rng.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = rng.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - rng.next();
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** The times of one arrival after another. */
export function arrivalTimes(spec: ArrivalSpec, rng: Rng): () => number {
  const { requestsPerSecond, burstiness, dailySwing, daySeconds } = spec;
  let expected = 0;
  const gap = (): number => {
    if (burstiness === Infinity) return 1;
    if (burstiness === 1) return -Math.log(1 - rng.next());
    return gamma(burstiness, rng) / burstiness;
  };
  if (dailySwing === 0) {
    return () => {
      expected += gap();
      return expected / requestsPerSecond;
    };
  }
  // Arrivals are even in expected requests; the clock runs against them as the rate says (time rescaling).
  const perRadian = daySeconds / (2 * Math.PI);
  const until = (t: number): number =>
    requestsPerSecond * (t + dailySwing * perRadian * (1 - Math.cos(t / perRadian)));
  let time = 0;
  return () => {
    expected += gap();
    let low = time;
    let high = time + 1 / requestsPerSecond;
    while (until(high) < expected) high = low + 2 * (high - low);
    for (let i = 0; i < 60 && high - low > 1e-9 * Math.max(1, high); i++) {
      const middle = (low + high) / 2;
      if (until(middle) < expected) low = middle;
      else high = middle;
    }
    time = high;
    return time;
  };
}
