// Magics: the first 8 bytes of each kind of file, which tell Cairn's files from other files (docs/format.md).

export const SEGMENT_MAGIC = 'CAIRNSEG';
export const HINT_MAGIC = 'CAIRNHNT';
export const IMAGE_MAGIC = 'CAIRNIMG';
export const LARGE_MAGIC = 'CAIRNVAL';
