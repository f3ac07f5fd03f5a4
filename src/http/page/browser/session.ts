// The session with the server: requests, events, and the token where the server asks for one.
//
// Invariant: the token is kept for this tab only, and is sent to this server only.

import type { Refused } from '../wire.js';
import { byId } from './elements.js';

const TOKEN_NAME = 'cairn-token';

/** The server refused, or did not answer (status 0). */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, why: string) {
    super(why);
    this.status = status;
  }
}

/** Returns the words that the page shows for a failed request. Any other error is a bug, and is thrown. */
export function failureOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  throw error;
}

/** Throws the failure of a request whose answer did not come to its end. */
function lost(error: unknown): never {
  const isEnded = error instanceof DOMException && error.name === 'AbortError';
  throw new Refusal(0, isEnded ? 'Ended' : 'The server does not answer');
}

let isAsking: Promise<boolean> | undefined;

/** Throws Refusal. A 401 asks the user for the token, and tries once more with it. */
async function open(path: string, init: RequestInit): Promise<Response> {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN_NAME);
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(path, { ...init, headers, cache: 'no-store' }).catch(lost);
    if (response.ok) return response;
    const why = whyOf(await response.text().catch(lost));
    if (response.status !== 401) throw new Refusal(response.status, why);
    isAsking ??= askToken(token === null ? why : 'That token is not the right one.');
    const isGiven = await isAsking;
    isAsking = undefined;
    if (!isGiven) throw new Refusal(401, why);
  }
}

function whyOf(text: string): string {
  if (!text.startsWith('{')) return text.trim();
  return (JSON.parse(text) as Refused).error;
}

/** Resolves with false when the user gave no token. */
function askToken(note: string): Promise<boolean> {
  const dialog = byId('login', HTMLDialogElement);
  const field = byId('token', HTMLInputElement);
  byId('login-note', HTMLElement).textContent = note;
  field.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        const isGiven = dialog.returnValue === 'enter';
        // A header holds no other characters, and neither does a token: with them the server refuses.
        const given = field.value.trim().replaceAll(/[^!-~]/gu, '?');
        if (isGiven) sessionStorage.setItem(TOKEN_NAME, given);
        resolve(isGiven);
      },
      { once: true },
    );
  });
}

export async function ask<T>(path: string): Promise<T> {
  const response = await open(path, {});
  return (await response.json().catch(lost)) as T;
}

export async function post<T>(path: string, fields: object = {}): Promise<T> {
  const response = await open(path, { method: 'POST', body: JSON.stringify(fields) });
  return (await response.json().catch(lost)) as T;
}

/** Reads server-sent events with fetch, because EventSource cannot send the token. */
export async function* events<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
  const response = await open(path, signal === undefined ? {} : { signal });
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read().catch(lost);
    if (done) return;
    text += value;
    const whole = text.split('\n\n');
    text = whole.pop() ?? '';
    for (const event of whole) yield JSON.parse(event.slice('data: '.length)) as T;
  }
}
