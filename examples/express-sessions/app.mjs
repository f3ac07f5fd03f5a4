// A shop whose carts are Express sessions in Cairn. A reply to a change leaves after the session is on disk, so a cart
// survives a kill -9 of the store, of this process, or of both.
// Environment: SESSION_SECRET (needed), CAIRN (host:port of the store), PORT (0: any free one).

import express from 'express';
import session from 'express-session';
import { SessionStore } from './store.mjs';

const { SESSION_SECRET, CAIRN = '127.0.0.1:11211', PORT = '3000' } = process.env;
if (!SESSION_SECRET) {
  console.error('Set SESSION_SECRET: it signs the cookies. `openssl rand -hex 32` makes one.');
  process.exit(64);
}
const LIFETIME_S = 7 * 24 * 3600;

const store = new SessionStore({ server: CAIRN, lifetimeS: LIFETIME_S });
const app = express();
app.use(
  session({
    store,
    secret: SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFETIME_S * 1000, sameSite: 'lax' },
  }),
);

app.get('/cart', (request, response) => {
  response.json(request.session.cart ?? []);
});

app.post('/cart/:item', (request, response, next) => {
  request.session.cart = [...(request.session.cart ?? []), request.params.item];
  // Without this call express-session saves at the end of the reply, and replies 200 even when that fails.
  request.session.save((error) => {
    if (error) next(error);
    else response.json(request.session.cart);
  });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => {
    if (error) next(error);
    else response.json([]);
  });
});

// Express knows an error handler by its four parameters.
app.use((error, _request, response, _next) => {
  console.error(`The session store at ${CAIRN} failed: ${error.message ?? error}`);
  if (response.headersSent) return;
  response.status(503).set('Retry-After', '1').json({ error: 'Not saved, try again' });
});

const web = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${web.address().port}`);
});
