import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadAgentConfig } from '../../../src/config/agent.ts';
import type { TlsConfig } from '../../../src/config/types.ts';
import { type Authority, type Certificate, startAuthority } from '../../support/certificates.ts';
import { mistakesOf, writeConfig } from './support.ts';

/** What a test adds begins in line 6. */
const AGENT = '[mysql]\nuser=u\nmembers=a:1,b:1\n[redis]\nhost=10.0.21.17:6379\n';

let authority: Authority;
let ours: Certificate;
let others: Certificate;
beforeAll(async () => {
  authority = await startAuthority('ours');
  ours = await authority.issue('DNS:agent');
  others = await authority.issue('DNS:agent');
});
afterAll(() => authority?.[Symbol.asyncDispose]());

/** A configuration with the files it names beside it. */
async function written(keys: string): Promise<string> {
  const file = await writeConfig('mmm-agent.conf', AGENT + keys);
  const folder = dirname(file);
  await copyFile(authority.ca, join(folder, 'ca.pem'));
  await copyFile(ours.cert, join(folder, 'agent.pem'));
  await copyFile(ours.key, join(folder, 'agent.key'));
  await copyFile(others.key, join(folder, 'other.key'));
  await writeFile(join(folder, 'text'), 'no certificate\n');
  await writeFile(join(folder, 'broken'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  return file;
}

async function tlsOf(keys: string): Promise<TlsConfig | null> {
  return (await loadAgentConfig(await written(keys))).redis.tls;
}

test('without tls_ca there is no TLS, and tls_ca alone is enough', async () => {
  expect(await tlsOf('')).toBeNull();
  expect(await tlsOf('tls_ca=\ntls_servername=')).toBeNull();
  expect(await tlsOf('tls_ca=ca.pem')).toEqual({
    ca: expect.stringContaining('BEGIN CERTIFICATE'),
    cert: null,
    key: null,
    servername: null,
  });
  expect(await tlsOf(`tls_ca=${authority.ca}`)).not.toBeNull();
});

test('certificate, key and name are read with it', async () => {
  const keys = 'tls_ca=ca.pem\ntls_cert=agent.pem\ntls_key=agent.key\ntls_servername=redis.example';
  expect(await tlsOf(keys)).toMatchObject({
    cert: expect.stringContaining('BEGIN CERTIFICATE'),
    key: expect.stringContaining('PRIVATE KEY'),
    servername: 'redis.example',
  });
});

test.for<[string, readonly string[]]>([
  ['tls_ca=lost.pem', [':6: tls_ca lost.pem cannot be read: no such file or folder (ENOENT)']],
  ['tls_ca=text', [':6: tls_ca text holds no certificate in PEM form']],
  ['tls_ca=broken', [':6: tls_ca broken holds no certificate in PEM form']],
  [
    'tls_ca=ca.pem\ntls_cert=agent.pem\ntls_key=agent.pem',
    [':8: tls_key agent.pem holds no private key in PEM form without a passphrase'],
  ],
  [
    'tls_ca=ca.pem\ntls_cert=agent.pem\ntls_key=other.key',
    [':8: tls_key does not belong to the certificate in tls_cert'],
  ],
  ['tls_ca=ca.pem\ntls_cert=agent.pem', [':7: tls_cert needs tls_key: set both or none']],
  ['tls_ca=ca.pem\ntls_key=agent.key', [':7: tls_key needs tls_cert: set both or none']],
  [
    'tls_cert=agent.pem\ntls_key=agent.key',
    [':6: tls_cert needs tls_ca, which switches TLS on: set it to the certificate of the signer'],
  ],
  [
    'tls_servername=redis',
    [':6: tls_servername needs tls_ca, which switches TLS on: set it to the certificate of the signer'],
  ],
  ['tls_ca=ca.pem\ntls_servername=a b', [':7: tls_servername must be a host name, not "a b"']],
  [
    'tls_ca=ca.pem\ntls_servername=10.0.21.17',
    [':7: tls_servername must be a host name; an address belongs into [redis] host'],
  ],
  [
    'tls_ca=lost.pem\ntls_cert=text\ntls_key=gone',
    [
      ':6: tls_ca lost.pem cannot be read: no such file or folder (ENOENT)',
      ':7: tls_cert text holds no certificate in PEM form',
      ':8: tls_key gone cannot be read: no such file or folder (ENOENT)',
    ],
  ],
])('%s is a mistake', async ([keys, mistakes]) => {
  const file = await written(keys);
  expect(await mistakesOf(loadAgentConfig(file), file)).toEqual(mistakes);
});

test('a key that everybody can read is warned of, a certificate is not', async () => {
  const file = await written('tls_ca=ca.pem\ntls_cert=agent.pem\ntls_key=agent.key');
  for (const name of ['ca.pem', 'agent.pem', 'agent.key']) await chmod(join(dirname(file), name), 0o644);
  const key = join(dirname(file), 'agent.key');
  expect((await loadAgentConfig(file)).warnings).toEqual([
    `${file}:8: others can read agent.key: chmod o= ${key}`,
  ]);
});
