/** The client of a waferflow server, from the build of this repository. */
export {
  type Client,
  connect,
  type ResponseParams,
  type ResponseStream,
} from '../../../dist/src/client/index.js';
