// kv-torture owns the pipelining text connection; tests use the same.

export { ConnectionLost, WireClient } from '../../tools/torture/wire-client.js';
