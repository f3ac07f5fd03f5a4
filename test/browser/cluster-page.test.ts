// The page of a server over a cluster: it has charts and keys, and nothing of a log.

import { expect } from 'chai';
import type { Browser } from 'playwright-core';

import { PagedServer, startChromium, WatchedPage } from '../support/browser-page.js';
import { sharedStoreUrl } from '../support/shared-cluster.js';

describe('the page over a cluster @long', () => {
  let browser: Browser;
  let server: PagedServer | undefined;

  before(async function () {
    browser = await startChromium(this);
  });
  after(async () => {
    await server?.stop();
    await browser?.close();
  });

  it('shows figures and keys, and neither a log nor the actions on one', async function () {
    server = await PagedServer.startOver(await sharedStoreUrl(this, 'etcd'));
    await server.set('over:etcd', 'value');
    const opened = await WatchedPage.open(browser, server.url);
    const { page, complaints } = opened;
    await page.locator('#state[data-state=live]').waitFor();
    await page.locator('#log').waitFor({ state: 'hidden' });
    expect(await page.getByRole('button', { name: 'Compact' }).count()).to.equal(0);
    expect(await page.locator('#charts canvas').count()).to.equal(6);
    await page.goto(`${server.url}#keys`);
    await page.getByText('over:etcd').first().waitFor();
    expect(complaints).to.deep.equal([]);
    await opened.close();
  });
});
