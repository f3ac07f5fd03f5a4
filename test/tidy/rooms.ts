// The rooms of the house and the imports that each may have (ARCHITECTURE.md, "Codemap"), in one table. A room is a folder,
// or a few files that stand apart in one. The first entry that fits a path counts, so files stand before their folder.
//
// Invariant: a room may import only rooms that stand above it in ROOMS, so there can be no cycle of rooms.

interface Room {
  readonly name: string;
  /** Paths from src: a folder with its slash, or files. */
  readonly places: readonly string[];
  /** Other rooms that it may import, besides SHARED. Undefined: all rooms above it. */
  readonly may?: readonly string[];
}

function names(words: string): string[] {
  return words.split(' ');
}

/** Files that every room may import; these import nothing but each other. */
const SHARED: Room = {
  name: 'shared',
  places: [
    'assert.ts',
    'copy-bytes.ts',
    'defaults.ts',
    'errors.ts',
    'exit-codes.ts',
    'histogram.ts',
    'limits.ts',
    'nearest-name.ts',
    'password-digest.ts',
    'printable.ts',
  ],
  may: [],
};

const GROUND: readonly Room[] = [
  SHARED,
  { name: 'env', places: ['env/'], may: [] },
  { name: 'protocol', places: ['protocol/'], may: [] },
  { name: 'config', places: ['config/'], may: [] },
];

const LOG: readonly Room[] = [
  { name: 'durability', places: ['log/durability.ts'], may: [] },
  { name: 'bytes', places: ['log/bytes/'], may: [] },
  { name: 'segments', places: ['log/segments/'], may: names('env bytes') },
  // Checks whether an output would hit a file of a store, for code that writes a file named by the operator.
  { name: 'store-file', places: ['log/segments/store-file.ts'], may: names('env bytes segments') },
  { name: 'commit', places: ['log/commit/'], may: names('env durability bytes segments') },
  { name: 'damage', places: ['log/damage/'], may: names('env bytes segments') },
  {
    name: 'recovery',
    places: ['log/recovery/'],
    may: names('env bytes segments damage'),
  },
  {
    name: 'log',
    places: ['log/'],
    may: names('env durability bytes segments commit recovery'),
  },
  // Follows the log: reads it again while it is written.
  {
    name: 'feed',
    places: ['log/feed/'],
    may: names('env durability bytes segments log'),
  },
];

const STORE: readonly Room[] = [
  {
    // The Store interface, and what an engine and its users both need to speak of it.
    name: 'interface',
    places: [
      'store/store.ts',
      'store/change-log.ts',
      'store/value.ts',
      'store/options.ts',
      'store/clock.ts',
      'store/counters.ts',
      'store/expiry.ts',
      'store/measures.ts',
      'store/operations/decimal.ts',
      'store/own-lookup.ts',
    ],
    may: names('env durability'),
  },
  { name: 'keydir', places: ['store/keydir/'], may: names('bytes') },
  { name: 'value-cache', places: ['store/value-cache/'], may: [] },
  {
    name: 'snapshot-file',
    places: ['store/snapshot-file/'],
    may: names('env interface'),
  },
  { name: 'flushes', places: ['store/flushes/'], may: names('bytes log keydir') },
  {
    name: 'items',
    places: ['store/items/'],
    may: names('env durability bytes segments commit log interface keydir value-cache flushes'),
  },
  {
    // The change feed: what each record of the log means to a follower.
    name: 'changes',
    places: ['store/changes/'],
    may: names('env bytes segments log feed interface'),
  },
  {
    name: 'background',
    places: ['store/background/'],
    may: names('env bytes segments snapshot-file'),
  },
  {
    name: 'restart',
    places: ['store/restart/'],
    may: names('env bytes segments keydir snapshot-file flushes items'),
  },
  {
    name: 'operations',
    places: ['store/operations/'],
    may: names('bytes segments durability interface keydir items'),
  },
  {
    name: 'upkeep',
    places: ['store/upkeep/'],
    may: names('env bytes segments store-file interface keydir flushes items background'),
  },
  {
    name: 'engine',
    places: ['store/open-store.ts', 'store/durable-store.ts', 'store/engine-stats.ts'],
  },
];

const HOUSE: readonly Room[] = [
  // The store over engines outside the process: etcd, Redis.
  { name: 'cluster', places: ['cluster/'], may: names('env durability interface') },
  {
    name: 'offline',
    places: ['offline/'],
    may: names(
      'env durability bytes segments damage recovery interface keydir flushes snapshot-file items restart',
    ),
  },
  // The clients inside a listening socket, and the requests that wait for the disk: these files know no connection.
  { name: 'admission', places: ['server/admission.ts'], may: [] },
  { name: 'gate', places: ['server/gate.ts'], may: names('durability') },
  {
    name: 'server',
    places: ['server/'],
    may: names('env protocol config durability store-file interface admission gate'),
  },
  {
    name: 'control',
    places: ['control/'],
    may: names('env bytes interface admission'),
  },
  // The messages between the page and the server, and the page itself, which runs in a browser.
  { name: 'page wire', places: ['http/page/wire.ts'], may: [] },
  { name: 'browser', places: ['http/page/browser/'], may: ['page wire'] },
  // Health, metrics and the page, for operators that watch the server: loaded only with --http.
  {
    name: 'http',
    places: ['http/'],
    may: [
      ...names('env config interface snapshot-file admission gate server control'),
      'page wire',
    ],
  },
  {
    name: 'process',
    places: ['process/'],
    may: names(
      'env protocol bytes commit store-file config interface engine cluster server control http',
    ),
  },
  {
    name: 'library',
    places: ['index.ts', 'embedded.ts', 'embedded-arguments.ts', 'embedded-changes.ts'],
    may: names('env interface engine gate'),
  },
];

export const ROOMS: readonly Room[] = [...GROUND, ...LOG, ...STORE, ...HOUSE];

/** Single files stand before the folders that hold them. */
const BY_PLACE = ROOMS.flatMap((room) => room.places.map((place) => ({ place, room }))).toSorted(
  (one, other) => other.place.length - one.place.length,
);

/** Returns the room of a path from the root; undefined outside src. */
export function roomOf(path: string): Room | undefined {
  if (!path.startsWith('src/')) return undefined;
  const below = path.slice('src/'.length);
  return BY_PLACE.find(({ place }) =>
    place.endsWith('/') ? below.startsWith(place) : below === place,
  )?.room;
}

export function mayImport(from: Room, to: Room): boolean {
  if (from === to || to === SHARED) return true;
  if (from.may !== undefined) return from.may.includes(to.name);
  return ROOMS.indexOf(to) < ROOMS.indexOf(from);
}
