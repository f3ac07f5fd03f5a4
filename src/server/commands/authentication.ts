// Coming in: `set x 0 0 <n>` with user and password (-Y), SASL PLAIN in binary (-S). Until then nothing
// else is run. A wrong pair is answered late, so that guessing is slow; the delay holds this client only.

import { errorReply } from '../../protocol/reply.js';
import type { AuthenticateRequest, BareRequest, Request } from '../../protocol/request.js';
import type { LargeUpload, Session } from '../session.js';
import { ownForm } from './outcomes.js';

const FAILURE_DELAY_MS = 500;
/** What a client may send before it has come in. */
const OPEN_KINDS: ReadonlySet<Request['kind']> = new Set([
  'authenticate',
  'sasl-list',
  'version',
  'quit',
]);

/** Whether the request may run now; if not, it has been answered. */
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
  if (services.users === undefined) {
    session.fail(request.form, 'unknown-command');
    return undefined;
  }
  counters.auth_cmds += 1;
  const form = ownForm(request.form);
  return services.users
    .isRight(Buffer.from(request.user), Buffer.from(request.password))
    .then(async (isRight) => {
      if (isRight) {
        session.admit();
        session.answer(form, { kind: 'authenticated' });
        return;
      }
      counters.auth_errors += 1;
      await new Promise<void>((resolve) => {
        const timer = services.clock.setTimer(FAILURE_DELAY_MS, resolve);
        session.cleanups.push(() => {
          timer.cancel();
          resolve();
        });
      });
      session.answer(form, errorReply('authentication-failed'));
    });
}

export function listMechanisms(request: BareRequest, session: Session): undefined {
  if (session.services.users === undefined) session.fail(request.form, 'unknown-command');
  else session.answer(request.form, { kind: 'sasl-mechanisms', mechanisms: 'PLAIN' });
  return undefined;
}

/** Swallows a value that may not come in. */
function refusedUpload(session: Session, form: Request['form']): LargeUpload {
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
