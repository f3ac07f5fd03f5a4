// The form of a reply: depends on the request's bytes alone, so the parser makes it and compose() reads it. The code
// between them does not need to know which protocol a client speaks.

export interface TextForm {
  /** `plain` is the dialect of `--plain-port`. */
  readonly wire: 'text' | 'plain';
  /** noreply: no reply is sent, not even an error. */
  readonly quiet: boolean;
  /** gets and gats: VALUE lines end in the CAS token. */
  readonly withCas: boolean;
}

export interface MetaForm {
  readonly wire: 'meta';
  readonly command: 'mg' | 'ms' | 'md' | 'ma' | 'me' | 'mn';
  /** Flag q: hides EN of mg, HD of the others; never errors. */
  readonly quiet: boolean;
  /** Flag v. */
  readonly withValue: boolean;
  /** Flag b: the key is base64. */
  readonly base64: boolean;
  /** The key as sent (base64 with flag b) and the flags after it, in the client's order. */
  readonly key: Buffer;
  readonly tokens: Buffer;
  /** Flag P with the token `async`: answer before the sync. */
  readonly async: boolean;
}

export interface BinaryForm {
  readonly wire: 'binary';
  /** The opcode as sent, which may be a quiet one. */
  readonly opcode: number;
  readonly opaque: number;
  /** A quiet opcode: successes (for gets: misses) get no reply. */
  readonly quiet: boolean;
  /** GetK, GATK: hits and misses carry the key. */
  readonly withKey: boolean;
}

export type ReplyForm = TextForm | MetaForm | BinaryForm;
