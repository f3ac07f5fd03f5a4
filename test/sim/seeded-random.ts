// kv-torture owns the generator; the simulation draws from the same.

export { SeededRandom } from '../../tools/torture/seeded-random.js';
