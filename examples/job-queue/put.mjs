// Puts each argument into the queue as a job, and prints its ticket when it is on disk.
// Environment: CAIRN (host:port of the store).

import { Queue } from './queue.mjs';

const queue = new Queue({ server: process.env.CAIRN ?? '127.0.0.1:11211' });
try {
  for (const body of process.argv.slice(2)) {
    console.log(`${await queue.put(body)}: ${body}`);
  }
} catch (error) {
  console.error(`It is not known whether the last job is in the queue: ${error.message}`);
  process.exitCode = 75;
} finally {
  queue.close();
}
