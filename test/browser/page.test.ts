// The page in Debian's Chromium over a real server: live figures, keys, changes, themes, small screens, and refused access.

import { readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import type { Browser, Route } from 'playwright-core';

import { PagedServer, startChromium, WatchedPage } from '../support/browser-page.js';
import { skip } from '../support/programs.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const EVIL = '<script>window.evil=1</script><img/src=x/onerror=window.evil=1>';
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const PHONE = { width: 375, height: 812 };
const TOKEN = '0123456789abcdef';

describe('the page in a browser @long', function () {
  this.timeout(60_000);
  let browser: Browser;
  let dir: string;
  let server: PagedServer;
  const pages: WatchedPage[] = [];

  before(async function () {
    browser = await startChromium(this);
  });
  after(() => browser?.close());
  beforeEach(() => (dir = temporaryFolder()));
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    await server.stop();
    removeFolder(dir);
  });

  async function serve(...args: string[]): Promise<void> {
    server = await PagedServer.start(join(dir, 'data'), args);
  }

  async function open(
    hash = '',
    options: Parameters<typeof WatchedPage.open>[2] = {},
  ): Promise<WatchedPage> {
    const page = await WatchedPage.open(browser, server.url + hash, options);
    pages.push(page);
    return page;
  }

  it('shows live figures of real commands, and the log growing', async () => {
    await serve();
    const { page, complaints } = await open();
    await page.locator('#state[data-state=live]').waitFor();
    await server.set('a', 'value');
    await server.client.list('get a none\r\n');
    const tile = (name: string) => page.locator('.tile', { hasText: name }).locator('.figure');
    await tile('Hit rate').getByText('50 %').waitFor();
    await tile('Items').getByText('1', { exact: true }).waitFor();
    await page.locator('#latencies tbody th', { hasText: /^get$/ }).waitFor();
    await page.locator('#latencies tbody th', { hasText: /^set$/ }).waitFor();
    expect(await page.locator('#charts canvas').count()).to.equal(6);
    const active = page.locator('#segments li[data-state=active]');
    const before = await active.getAttribute('title');
    await server.set('b', 'x'.repeat(100_000));
    await page.locator(`#segments li[data-state=active]:not([title="${before}"])`).waitFor();
    await page.goto(`${server.url}#connections`);
    await page.locator('#connection-table td', { hasText: 'read' }).first().waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('pages, filters and shows values as text, JSON and hex, by keyboard too', async () => {
    await serve();
    for (let n = 0; n < 120; n += 1) await server.set(`many:${n}`, `value ${n}`, 3600);
    await server.set('rare:json', '{"a":[1,12345678901234567890]}');
    const { page, complaints } = await open('#keys');
    const keys = page.locator('#key-table button.key');
    await page.getByText('Page 1, 50 keys').waitFor();
    expect(await keys.count()).to.equal(50);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Page 2, 50 keys').waitFor();
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByText('Page 1, 50 keys').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('rare:');
    await page.keyboard.press('Enter');
    await page.getByText('1 key, all there are').waitFor();
    await keys.first().focus();
    await page.keyboard.press('Enter');
    const shown = page.locator('pre.octets');
    await shown.waitFor();
    expect(await shown.textContent()).to.equal(
      '{\n  "a": [\n    1,\n    12345678901234567890\n  ]\n}',
    );
    await page.getByLabel('text', { exact: true }).check();
    expect(await shown.textContent()).to.equal('{"a":[1,12345678901234567890]}');
    await page.getByLabel('hex').check();
    expect(await shown.textContent()).to.contain('000000  7b 22 61 22');
    await page.getByLabel('Keys that begin with').fill('');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('Page 1, 50 keys').waitFor();
    await keys.first().focus();
    await page.keyboard.press('ArrowDown');
    await page.locator('#key-table tr:nth-child(2) button:focus').waitFor();
    await page.getByRole('button', { name: 'Weigh' }).click();
    await page.locator('#prefixes button', { hasText: 'many:' }).click();
    await page.getByText('120 keys').waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('shows the page and the value that it names when the user clicks faster than the server answers', async () => {
    await serve();
    for (let n = 0; n < 120; n += 1) await server.set(`key:${n}`, `value of key:${n}`);
    const { page, complaints } = await open('#keys');
    await page.getByText('Page 1, 50 keys').waitFor();
    const clickThrice = (id: string): Promise<unknown> =>
      page.evaluate(`for (let n = 0; n < 3; n += 1) document.getElementById('${id}').click()`);
    await clickThrice('next');
    await page.getByText('Page 2, 50 keys').waitFor();
    await clickThrice('previous');
    await page.getByText('Page 1, 50 keys').waitFor();

    const held: Route[] = [];
    await page.route('**/page/value', (route) => void held.push(route), { times: 1 });
    const keys = page.locator('#key-table button.key');
    await keys.nth(0).click();
    while (held.length === 0) await new Promise(setImmediate);
    await keys.nth(1).click();
    const name = String(await keys.nth(1).textContent());
    const shown = page.locator('pre.octets');
    await shown.getByText(`value of ${name}`, { exact: true }).waitFor();
    const late = page.waitForResponse('**/page/value');
    await held[0]!.continue();
    await (await late).finished();
    // By now the answer behind it has come, and the page has seen it.
    await page.evaluate("fetch('/livez').then((response) => response.text())");
    expect(await page.locator('#value-title').textContent()).to.equal(name);
    expect(await shown.textContent()).to.equal(`value of ${name}`);

    const walks: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/page/sizes')) walks.push(request.url());
    });
    const weigh = "for (let n = 0; n < 3; n += 1) document.getElementById('weigh').requestSubmit()";
    await page.evaluate(weigh);
    await page.getByText('120 keys, ').waitFor();
    await page.locator('#weigh-progress[hidden]').waitFor({ state: 'attached' });
    expect(walks).to.have.length(1);
    await page.evaluate(weigh);
    while (walks.length < 2) await new Promise(setImmediate);
    expect(complaints).to.deep.equal([]);
  });

  it('goes on to the next page of the last search, and finds a server that is back', async () => {
    await serve();
    for (let n = 0; n < 120; n += 1) await server.set(`many:${n}`, 'v');
    const { page } = await open('#keys');
    await page.getByText('Page 1, 50 keys').waitFor();
    await page.locator('#prefix').fill('not searched for yet');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Page 2, 50 keys').waitFor();
    const { port } = new URL(server.url);
    await server.stop();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.locator('#page-note', { hasText: 'not answer' }).waitFor();
    await serve('--http', port);
    await page.getByText('Page 2, 50 keys').waitFor();
  });

  it('never shows keys and values as markup', async () => {
    await serve();
    await server.set(EVIL.replaceAll(' ', ''), `${EVIL}\t<b>`);
    const { page, complaints } = await open('#keys');
    await page.locator('#key-table button.key').first().click();
    await page.locator('pre.octets', { hasText: '<b>' }).waitFor();
    await page.getByRole('button', { name: 'Weigh' }).click();
    await page.locator('#largest button.key').first().waitFor();
    expect(await page.locator('#value-title').textContent()).to.equal(EVIL.replaceAll(' ', ''));
    expect(await page.evaluate('window.evil')).to.equal(undefined);
    expect(await page.locator('main img, main script').count()).to.equal(0);
    expect(complaints).to.deep.equal([]);
  });

  it('compacts and takes a snapshot, and shows the results', async () => {
    await serve();
    for (let n = 0; n < 20; n += 1) await server.set('k', 'x'.repeat(50_000));
    const { page, complaints } = await open();
    await page.locator('#state[data-state=live]').waitFor();
    await page.getByRole('button', { name: 'Compact' }).click();
    await page.getByText(/compaction done: .* became /).waitFor();
    await page.getByRole('button', { name: 'Snapshot' }).click();
    await page.getByText(/snapshot done: 1 keys?, .*snapshot\.json/).waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('backs up with --http-backup alone, and shows the result', async () => {
    await serve();
    const without = await open();
    await without.page.locator('#state[data-state=live]').waitFor();
    expect(await without.page.getByRole('button', { name: 'Backup' }).count()).to.equal(0);
    await server.stop();
    const backupDir = join(dir, 'backup');
    await serve('--http-backup', backupDir);
    await server.set('k', 'v');
    const { page, complaints } = await open();
    await page.getByRole('button', { name: 'Backup' }).click();
    await page.getByText(/backup done: seq \d+ of .* copied/).waitFor();
    expect(readdirSync(backupDir).join()).to.contain('.json');
    expect(complaints).to.deep.equal([]);
  });

  it('sets and deletes with --http-write alone', async () => {
    await serve();
    await server.set('k', 'v');
    const reading = await open('#keys');
    await reading.page.locator('#key-table button.key').click();
    await reading.page.locator('pre.octets').waitFor();
    for (const name of ['New key', 'Edit', 'Delete']) {
      expect(await reading.page.getByRole('button', { name }).count(), name).to.equal(0);
    }
    expect(reading.complaints).to.deep.equal([]);
    await server.stop();
    await serve('--http-write');
    const { page, complaints } = await open('#keys');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('key', { exact: true }).fill('new');
    await page.getByLabel('value', { exact: true }).fill('first');
    await page.getByRole('button', { name: 'Store' }).click();
    await page.getByText('Stored').waitFor();
    expect(await server.client.list('get new\r\n')).to.equal('VALUE new 0 5\r\nfirst\r\nEND');
    await page.getByRole('button', { name: 'Edit' }).click();
    await server.set('new', 'meanwhile');
    await page.getByLabel('value', { exact: true }).fill('second');
    await page.getByRole('button', { name: 'Store' }).click();
    await page.getByText('It was changed meanwhile').waitFor();
    await page.locator('#key-table button.key', { hasText: 'new' }).click();
    await page.locator('pre.octets', { hasText: 'meanwhile' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete it now' }).click();
    await page.getByText('It is deleted.').waitFor();
    expect(await server.client.list('get new\r\n')).to.equal('END');
    expect(complaints).to.deep.equal([]);
  });

  it('refuses requests and actions of another page', async () => {
    await serve('--http-write');
    const { port } = new URL(server.url);
    const strange = await open(`/livez`);
    // For a browser the same machine by another name is another origin; for the server it is no stranger.
    await strange.page.goto(`http://localhost:${port}/livez`);
    const status = (path: string, init: string): Promise<unknown> =>
      strange.page.evaluate(
        `fetch('${server.url}${path}', ${init}).then((answer) => answer.type, () => 'refused')`,
      );
    expect(await status('/page/keys', '{}')).to.equal('refused');
    const set = `{ method: 'POST', mode: 'no-cors', body: '{"key":"aw","value":"dg"}' }`;
    expect(await status('/page/set', set)).to.equal('opaque');
    expect(await server.client.list('get k\r\n')).to.equal('END');
  });

  it('fits 375 px, in light and dark, and keeps the theme that was chosen', async () => {
    await serve();
    await server.set('k'.repeat(240), 'x'.repeat(10_000));
    const { page, complaints } = await open('', { viewport: PHONE, colorScheme: 'dark' });
    await page.locator('#state[data-state=live]').waitFor();
    await page.locator('#charts canvas').nth(5).waitFor();
    const background = (): Promise<unknown> =>
      page.evaluate('getComputedStyle(document.body).backgroundColor');
    const expectFits = async (theme: string): Promise<void> => {
      for (const hash of ['#overview', '#keys', '#connections']) {
        await page.goto(server.url + hash);
        if (hash === '#keys') {
          await page.locator('#key-table button.key').click();
          await page.getByLabel('hex').check();
        }
        expect(await page.evaluate(OVERFLOW), `${hash}, ${theme}`).to.equal(0);
      }
    };
    const dark = await background();
    await expectFits('dark');
    await page.getByRole('button', { name: 'Theme: system' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).waitFor();
    const light = await background();
    expect(light).not.to.equal(dark);
    await expectFits('light');
    await page.reload();
    expect(await background()).to.equal(light);
    expect(complaints).to.deep.equal([]);
  });

  it('asks for the token on an address that other machines can reach, and keeps it for the tab', async function () {
    const all = Object.values(os.networkInterfaces()).flatMap((each) => each ?? []);
    const host = all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    if (host === undefined) {
      await serve();
      skip(this, 'an address that is not of loopback');
    }
    const tokenFile = join(dir, 'token');
    writeFileSync(tokenFile, TOKEN);
    await serve('--http', `${host}:-1`, '--http-token-file', tokenFile);
    const { page } = await open();
    await page.getByLabel(/--http-token-file/).fill('€ that no header holds');
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByText('That token is not the right one.').waitFor();
    await page.getByLabel(/--http-token-file/).fill(TOKEN);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.locator('#state[data-state=live]').waitFor();
    await page.reload();
    await page.locator('#state[data-state=live]').waitFor();
    expect(await page.locator('#login[open]').count()).to.equal(0);
  });
});
