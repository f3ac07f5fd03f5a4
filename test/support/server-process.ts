// kv-torture owns the server as a child process; tests use the same.

export {
  cairnLaunch,
  ServerProcess,
  StartFailure,
  type Exit,
  type Launch,
} from '../../tools/torture/server-process.js';
