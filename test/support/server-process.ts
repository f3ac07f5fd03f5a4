// kv-torture owns the server as a child process; tests use the same.

export {
  cairnLaunch,
  ServerProcess,
  ServerFailure,
  type Exit,
  type Launch,
} from '../../tools/torture/server-process.js';
