// Starts the page: chooses the view by the hash of the address, and gives the live events to all views.

import type { Hello, LiveEvent } from '../wire.js';
import { ConnectionsView } from './connections-view.js';
import { byId } from './elements.js';
import { durationText } from './format.js';
import { KeysView } from './keys-view.js';
import { LogView } from './log-view.js';
import { Overview } from './overview.js';
import { events, failureOf, Refusal } from './session.js';
import { SizesView } from './sizes-view.js';
import { startTheme } from './theme.js';
import { ValuePanel } from './value-panel.js';

const RETRY_MS = 2000;
const UNSEEN_MS = 300_000;
const VIEWS = ['overview', 'keys', 'connections'] as const;

type ViewName = (typeof VIEWS)[number];

const overview = new Overview();
const logView = new LogView();
const valuePanel = new ValuePanel(() => void keysView.refresh());
const keysView = new KeysView(valuePanel);
const sizesView = new SizesView((key) => void valuePanel.open(key));
const connectionsView = new ConnectionsView();

function showView(): void {
  const asked = location.hash.slice(1);
  const view: ViewName = VIEWS.find((each) => each === asked) ?? 'overview';
  for (const each of VIEWS) byId(each, HTMLElement).hidden = each !== view;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#${view}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (view === 'keys') keysView.show();
  connectionsView.isShown = view === 'connections';
}

/** `nowMs` is Unix time by the clock of the server. */
let tellUp: (nowMs: number) => void = () => undefined;

function greet(hello: Hello): void {
  const { version, pid, startedAt, dataDir } = hello;
  tellUp = (nowMs) => {
    const up = durationText(Math.max(0, (nowMs - startedAt) / 1000));
    const who = `${version}, process ${pid}, up ${up}, items in ${dataDir}`;
    byId('server', HTMLElement).textContent = who;
  };
  overview.begin(hello.samples);
  valuePanel.mayWrite = hello.mayWrite;
  keysView.mayWrite = hello.mayWrite;
  keysView.recover();
  logView.mayBackUp = hello.mayBackUp;
  sizesView.delimiter = hello.delimiter;
}

function tellState(troubles: readonly string[]): void {
  if (troubles.length === 0) showState('live', 'live');
  else showState('trouble', `not ready: ${troubles.join('; ')}`);
}

/** Sets the text only when it differs: a screen reader reads each change aloud. */
function showState(name: 'waiting' | 'live' | 'trouble', text: string): void {
  const state = byId('state', HTMLElement);
  state.dataset['state'] = name;
  if (state.textContent !== text) state.textContent = text;
}

function take(event: LiveEvent): void {
  switch (event.kind) {
    case 'hello':
      greet(event.hello);
      tellState([]);
      break;
    case 'sample':
      tellUp(event.sample.at);
      overview.add(event.sample);
      tellState(event.sample.troubles);
      logView.showDisk(event.sample);
      break;
    default:
      logView.show(event.log);
  }
}

/** Reads events until the page has been out of sight for a while: a server that ended may come back. */
async function live(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of events<LiveEvent>('/page/live', signal)) {
        take(event);
      }
      showState('waiting', 'the connection ended');
    } catch (error) {
      showState('waiting', failureOf(error));
      // Nobody gave the token: the page does not ask again and again.
      if (error instanceof Refusal && error.status === 401) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** A browser has few connections to one server: a page out of sight gives its own back. */
function watchSight(): void {
  let ending = new AbortController();
  let timer: number | undefined;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => ending.abort(), UNSEEN_MS);
    } else if (ending.signal.aborted) {
      ending = new AbortController();
      void live(ending.signal);
    }
  });
  void live(ending.signal);
}

startTheme(() => overview.recolour());
addEventListener('hashchange', showView);
addEventListener('keydown', (event) => {
  const isTyping =
    event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  location.hash = '#keys';
  showView();
  keysView.focusSearch();
});
showView();
watchSight();
