// How each kind of file begins that has a magic (docs/format.md): what tells Cairn's files from a stranger's.

export const SEGMENT_MAGIC = 'CAIRNSEG';
export const HINT_MAGIC = 'CAIRNHNT';
export const IMAGE_MAGIC = 'CAIRNIMG';
export const LARGE_MAGIC = 'CAIRNVAL';
