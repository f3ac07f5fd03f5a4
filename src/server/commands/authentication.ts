// Logging in: `set x 0 0 <n>` with user and password (-Y), SASL PLAIN in binary (-S). No other request runs before
// the login. login/logins.ts decides when a pair is checked; only this client waits for it.

import type { AuthenticateRequest, BareRequest, Request } from '../../protocol/request.js';
import type { ValueUpload, Session } from '../session.js';
import { ownForm } from './outcomes.js';

/** The requests that a client may send before it has logged in. */
const OPEN_KINDS: ReadonlySet<Request['kind']> = new Set([
  'authenticate',
  'sasl-list',
  'version',
  'quit',
]);

/** Checks whether the request may run now, and answers it if not. */
export function isAdmitted(request: Request, session: Session): boolean {
  if (session.isAuthenticated || OPEN_KINDS.has(request.kind)) return true;
  const { form } = request;
  if (request.kind === 'put' && request.value === undefined) {
    session.upload = refusedUpload(session, form);
    return false;
  }
  session.fail(form, 'unauthenticated');
  return false;
}

export function authenticate(
  request: AuthenticateRequest,
  session: Session,
): Promise<void> | undefined {
  const { counters, services } = session;
  const { logins } = services;
  if (logins === undefined) {
    session.fail(request.form, 'unknown-command');
    return undefined;
  }
  counters.auth_cmds += 1;
  const form = ownForm(request.form);
  const login = logins.attempt(request.user, request.password, session.guest);
  session.login = login;
  return login.outcome.then((outcome) => {
    session.login = undefined;
    switch (outcome) {
      case 'right':
        session.admit();
        session.answer(form, { kind: 'authenticated' });
        break;
      case 'wrong':
        counters.auth_errors += 1;
        session.fail(form, 'authentication-failed');
        break;
      case 'unchecked':
        counters.unchecked_logins += 1;
        session.fail(form, 'too-many-logins');
        break;
      case 'gone':
        break;
    }
  });
}

export function listMechanisms(request: BareRequest, session: Session): undefined {
  if (session.services.logins === undefined) session.fail(request.form, 'unknown-command');
  else session.answer(request.form, { kind: 'sasl-mechanisms', mechanisms: 'PLAIN' });
  return undefined;
}

/** Returns an upload that drops its value and answers `unauthenticated` at the end. */
function refusedUpload(session: Session, form: Request['form']): ValueUpload {
  const kept = ownForm(form);
  return {
    piece: () => Promise.resolve(),
    abort: () => Promise.resolve(),
    end: () => {
      session.fail(kept, 'unauthenticated');
      return Promise.resolve();
    },
  };
}
