// connectionFailureText(): the texts of grpc-js, ioredis and OpenSSL, as strangers and wrong certificates cause them.

import { expect } from 'chai';

import { connectionFailureText } from '../../../src/cluster/connection-failure.js';

const OPENSSL = '803CE8697D7F0000:error:';
const SOURCE = ':../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:';

/** By meaning: texts that the libraries gave. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  'it speaks no TLS there': [
    `${OPENSSL}0A00010B:SSL routines:ssl3_get_record:wrong version number${SOURCE}\n`,
    `No connection established. Last error: Error: ${OPENSSL}0A00010B:SSL routines:ssl3_get_record:wrong version number${SOURCE}\n. Resolution note: `,
  ],
  'it refuses the certificate of this server: see cert= and key=': [
    `No connection established. Last error: ${OPENSSL}0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate${SOURCE}SSL alert number 42\n   (2026-11-29T19:58:34.043Z). Resolution note: `,
  ],
  'its certificate is not signed by an authority that this server knows: see ca=': [
    'self-signed certificate in certificate chain',
    'No connection established. Last error: Error: unable to verify the first certificate. Resolution note: ',
  ],
  'it ends the connection, or speaks another protocol': [
    'No connection established. Last error: Protocol error (2026-11-29T19:49:58.654Z). Resolution note: ',
    'No connection established. Last error: Failed to connect (2026-11-29T19:50:24.825Z). Resolution note: ',
  ],
  'it ended the connection': [
    "Stream isn't writeable and enableOfflineQueue options is false",
    'nobody reads any more (EPIPE)',
    'write ECONNRESET',
  ],
  'it does not answer in time': ['Cancelled on client'],
  'connect ECONNREFUSED 127.0.0.1:2379': [
    'connect ECONNREFUSED 127.0.0.1:2379',
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:2379. Resolution note: ',
  ],
  'etcdserver: no leader': ['etcdserver: no leader'],
};

describe('connectionFailureText()', () => {
  it('says in one line what the node did', () => {
    for (const [meaning, texts] of Object.entries(TEXTS)) {
      for (const text of texts) expect(connectionFailureText(text), text).to.equal(meaning);
    }
  });
});
