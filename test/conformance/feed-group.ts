// changeLog: an engine that keeps a log gives the changes in order, once each, and as they were made.

import { expect } from 'chai';

import type { FollowOptions } from '../../src/store/change-log.js';
import { drain, FeedCopy, type KeptChange } from '../support/feed-copy.js';
import type { Subject } from './subject.js';

export function feedGroup(subject: () => Subject): void {
  const told = async (options: FollowOptions): Promise<KeptChange[]> => {
    const s = subject();
    const feed = await s.wait(s.store.changeLog!.follow(options));
    const found = await s.wait(drain(feed));
    await s.wait(feed.close());
    return found;
  };
  const reopen = async (): Promise<void> => {
    await subject().fixture.reopen?.('kill');
  };

  describe('changeLog', () => {
    it('a copy that follows equals the store, whatever command made a change, also after a kill', async () => {
      const s = subject();
      const copy = new FeedCopy();
      const expiresAt = s.store.nowMs() + 500_000;
      await s.set('a', 'x', { flags: 77, expiresAt });
      await s.set('n', '9', { chosenCas: 5n });
      await s.change('incr', 'n', 1n);
      await s.put('append', 'a', 'z');
      await s.put('add', 'a', 'not stored');
      await s.set('gone', 'x');
      await s.delete('gone');
      await s.delete('never');
      await s.set('touched', 'x');
      await s.touch('touched', expiresAt);
      await s.get('touched', { expiresAt: expiresAt + 1 });
      await s.get('vivified', { win: true, vivifyExpiresAt: expiresAt });
      await s.set('p:1', 'x');
      await s.deletePrefix('p:');
      await s.durable();
      for (const change of await told({ after: 0, values: true })) copy.apply(change);
      await reopen();
      await s.set('later', 'x');
      await s.durable();
      for (const change of await told({ after: copy.seq, values: true })) copy.apply(change);
      const found: ReturnType<FeedCopy['live']> = {};
      for (const { key } of await s.listAll(100)) {
        const item = await s.get(key.toString(), { quiet: true });
        if (item === undefined) continue;
        const { value, flags, expiresAt, cas } = item;
        found[key.toString()] = { value, flags, expiresAt, cas };
      }
      expect(Object.keys(found).toSorted()).to.deep.equal([
        'a',
        'later',
        'n',
        'touched',
        'vivified',
      ]);
      expect(copy.live(s.store.nowMs())).to.deep.equal(found);
    });

    it('gives no change that is not durable, and each durable change once', async () => {
      const s = subject();
      const feed = await s.wait(s.store.changeLog!.follow({ after: 0 }));
      const seen: number[] = [];
      for (let at = 0; at < 50; at++) {
        await s.set(`k${at % 3}`, String(at));
        if (at % 7 === 0) await s.durable();
        for (const { seq } of await s.wait(drain(feed))) seen.push(seq);
        expect(seen.at(-1) ?? 0).to.be.at.most(s.store.durability.watermark);
      }
      await s.durable();
      for (const { seq } of await s.wait(drain(feed))) seen.push(seq);
      await s.wait(feed.close());
      expect(seen).to.deep.equal(Array.from({ length: 50 }, (_, at) => at + 1));
    });
  });
}
