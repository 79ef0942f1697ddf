/** What the extension takes of waferflow: its types, from the build of this repository. The engine itself is loaded apart. */
export type { ChatMessage, Engine, EngineInfo } from '../../../dist/src/runtime/types.js';
export type { Simulated } from '../../../dist/src/timing/local-run.js';
