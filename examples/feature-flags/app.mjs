// A service with feature flags: GET /hello/:user greets in the new way those for whom the flag `new-greeting` is on.
// PUT /flags/:name?percent=25 (and &seconds=60) sets a flag, DELETE removes it, GET /flags lists all, and GET /events
// tells each change as a server-sent event.
// Environment: FLAGS_DIR (directory of the store), PORT (0: any free one).

import express from 'express';
import { Flags } from './flags.mjs';

const { FLAGS_DIR = 'flags-data', PORT = '3000' } = process.env;
const flags = await Flags.open(FLAGS_DIR);
const app = express();

app.get('/hello/:user', (request, response) => {
  const { user } = request.params;
  response.send(flags.isOn('new-greeting', user) ? `Welcome back, ${user}!\n` : `Hello ${user}\n`);
});

app.get('/flags', (_request, response) => {
  response.json(flags.all());
});

app.put('/flags/:name', async (request, response) => {
  const percent = Number.parseFloat(request.query.percent);
  const seconds = Number.parseFloat(request.query.seconds ?? '0');
  if (!(percent >= 0 && percent <= 100 && seconds >= 0)) {
    response.status(400).send('percent is a number from 0 to 100, seconds a number from 0\n');
    return;
  }
  await flags.set(request.params.name, percent, Math.round(seconds * 1000));
  response.sendStatus(204);
});

app.delete('/flags/:name', async (request, response) => {
  response.sendStatus((await flags.remove(request.params.name)) ? 204 : 404);
});

app.get('/events', (request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
  const tell = (name, percent) => {
    response.write(`data: ${JSON.stringify({ name, percent: percent ?? null })}\n\n`);
  };
  flags.on('change', tell);
  request.on('close', () => flags.off('change', tell));
});

// Express passes what an async handler rejects with to the function of four parameters.
app.use((error, _request, response, _next) => {
  console.error(error);
  response.status(503).send('Not done, try again\n');
});

const web = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${web.address().port}`);
});
flags.on('error', (error) => {
  // Flags that no longer follow the store would be wrong without a sign of it.
  console.error(`The flags cannot be followed: ${error.message}`);
  process.exit(1);
});
process.on('SIGTERM', () => {
  web.close();
  web.closeAllConnections();
  flags.close().catch((error) => {
    console.error(`The store could not be closed: ${error.message}`);
    process.exitCode = 1;
  });
});
