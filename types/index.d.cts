/** Types for `require('waferflow')`: the package is one of ES modules, which Node.js 20.19 and later can require. */
export type * from '../dist/src/index.js' with { 'resolution-mode': 'import' };

type Module = typeof import('../dist/src/index.js', { with: { 'resolution-mode': 'import' }});

export const load: Module['load'];
export const loadCard: Module['loadCard'];
export const resolveCard: Module['resolveCard'];
export const plan: Module['plan'];
export const findMachine: Module['findMachine'];
export const simulate: Module['simulate'];
export const WaferflowError: Module['WaferflowError'];
export const FormatError: Module['FormatError'];
export const ModelError: Module['ModelError'];
export const OptionError: Module['OptionError'];
export const EngineError: Module['EngineError'];
export const MachineError: Module['MachineError'];
export const messageOf: Module['messageOf'];
