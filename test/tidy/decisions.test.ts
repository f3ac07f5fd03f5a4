// The decisions: each file has the form of the template, and the index has one line for each.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { fileText, root } from './sources.js';

const FOLDER = 'docs/decisions';
const NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md$/;
const HEADINGS = ['Context', 'Decision', 'Rejected'];
const STATUS =
  /^(?:accepted|(?:superseded|superseded in part|taken back) by \[(\d{4})\]\((\1-[a-z0-9-]+\.md)\))$/;

interface Decision {
  readonly name: string;
  readonly number: string;
  readonly text: string;
  readonly status: string;
  readonly date: string;
}

const names = readdirSync(join(root, FOLDER)).toSorted();
const decisions: readonly Decision[] = names
  .filter((name) => /^\d/.test(name))
  .map((name) => {
    const text = fileText(`${FOLDER}/${name}`);
    return {
      name,
      number: name.slice(0, 4),
      text,
      status: field(text, 'Status'),
      date: field(text, 'Date'),
    };
  });

function field(text: string, name: string): string {
  return new RegExp(`^- \\*\\*${name}:\\*\\* (.*)$`, 'm').exec(text)?.[1] ?? '';
}

/** The names of the decisions that do not pass. */
function failing(passes: (decision: Decision) => boolean): string[] {
  return decisions.filter((each) => !passes(each)).map(({ name }) => name);
}

/** Checks that the usual sections are there in order and none is empty; figures may follow. */
function hasSections(text: string): boolean {
  const sections = [...text.matchAll(/^## (.*)\n\n(?=[^#])/gm)].map(([, heading]) => heading);
  const usual = sections.slice(0, HEADINGS.length).join() === HEADINGS.join();
  return usual && ['', 'Figures'].includes(sections.slice(HEADINGS.length).join());
}

/** Checks that a decision that no longer holds names a later one that exists. */
function isLedOn({ status, number }: Decision): boolean {
  const [, successor = number, file = ''] = STATUS.exec(status) ?? [];
  return status === 'accepted' || (successor > number && names.includes(file));
}

describe('docs/decisions', () => {
  it('has files NNNN-subject.md with consecutive numbers, an index and a template, and nothing else', () => {
    const numbers = decisions.map((_, place) => String(place + 1).padStart(4, '0'));
    expect(decisions.map(({ number }) => number)).to.deep.equal(numbers);
    expect(decisions.length).to.be.above(100);
    expect(failing(({ name }) => NAME.test(name))).to.deep.equal([]);
    expect(names.filter((name) => !/^\d/.test(name))).to.deep.equal(['README.md', 'template.md']);
  });

  it('each file has its number as title, a date that is not before the last one, and every section in order', () => {
    expect(failing(({ text, number }) => text.startsWith(`# ${number}. `))).to.deep.equal([]);
    expect(
      failing(({ date }) => /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(Date.parse(date))),
    ).to.deep.equal([]);
    const dates = decisions.map(({ date }) => date);
    expect(dates).to.deep.equal(dates.toSorted());
    expect(failing(({ text }) => hasSections(text))).to.deep.equal([]);
    expect(hasSections(fileText(`${FOLDER}/template.md`))).to.equal(true);
  });

  it('a status is valid, and names a later decision that exists', () => {
    expect(failing(({ status }) => STATUS.test(status))).to.deep.equal([]);
    const replaced = decisions.filter(({ status }) => status !== 'accepted');
    expect(replaced.length).to.be.above(0);
    expect(failing(isLedOn)).to.deep.equal([]);
  });

  it('the index has one line for each decision, with its status when that is not "accepted"', () => {
    const lines = fileText(`${FOLDER}/README.md`).match(/^- \[.*$/gm) ?? [];
    const missing = failing(({ name, number, status }) => {
      const own = lines.filter((line) => line.startsWith(`- [${number}](${name}): `));
      const said = /_\((.*)\)_$/.exec(own[0] ?? '')?.[1] ?? 'accepted';
      return own.length === 1 && said === status.replace(/\[(\d+)\].*/, '$1');
    });
    expect(missing).to.deep.equal([]);
    expect(lines.length).to.equal(decisions.length);
  });
});
