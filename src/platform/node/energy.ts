/** Joules of the processor, from the counters that Linux shows under powercap (Intel and AMD RAPL). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnergyMeter } from '../../bench/run.js';

const POWERCAP = '/sys/class/powercap';

/** The meter of all processor packages; one that answers null, and says why, where there is none. */
export function energyMeter(directory = POWERCAP): EnergyMeter {
  const none = (why: string): EnergyMeter => ({ source: why, readJoules: () => Promise.resolve(null) });
  let zones: string[];
  try {
    // A package is `intel-rapl:0`; its parts, such as `intel-rapl:0:1`, are counted in it.
    zones = readdirSync(directory).filter((name) => /^intel-rapl:\d+$/.test(name));
  } catch {
    return none(`this system has no ${directory}`);
  }
  if (zones.length === 0) return none(`no energy counter in ${directory}`);
  const read = (): number =>
    zones.reduce((sum, zone) => sum + Number(readFileSync(join(directory, zone, 'energy_uj'), 'utf8')), 0) /
    1e6;
  try {
    read();
  } catch {
    return none(`the counters in ${directory} may be read by root alone`);
  }
  return {
    source: `RAPL, ${zones.length} ${zones.length === 1 ? 'package' : 'packages'}, everything that runs on them`,
    readJoules: () => Promise.resolve(read()),
  };
}
