/** Redis over TLS: who is let in, and what is said when it does not work. */
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadMmmConfig } from '../../src/config/mmm.ts';
import { findKeys } from '../../src/hub/left-keys.ts';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import { type Authority, type Certificate, startAuthority } from '../support/certificates.ts';
import { SIGN, someFacts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts, tempDir } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

type HubOptions = Parameters<typeof createRedisHub>[0];
type Tls = NonNullable<HubOptions['tls']>;

let ours: Authority;
let stranger: Authority;
let client: Certificate;
let server: TlsRedis;
beforeAll(async () => {
  ours = await startAuthority('ours');
  stranger = await startAuthority('stranger');
  client = await ours.issue('DNS:monitor');
  server = await startTls(await ours.issue('DNS:redis.example,IP:127.0.0.1'), '--tls-auth-clients', 'no');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await ours?.[Symbol.asyncDispose]();
  await stranger?.[Symbol.asyncDispose]();
});

interface TlsRedis extends AsyncDisposable {
  readonly plain: RedisServer;
  readonly tlsPort: number;
}

/** Listens on a port with TLS, and on one without for the test's own use. */
async function startTls(identity: Certificate, ...args: string[]): Promise<TlsRedis> {
  const [tlsPort = 0] = await freePorts(1);
  const files = [
    ...['--tls-cert-file', identity.cert],
    ...['--tls-key-file', identity.key],
    ...['--tls-ca-cert-file', ours.ca],
  ];
  const plain = await startRedis({ args: ['--tls-port', String(tlsPort), ...files, ...args] });
  return { plain, tlsPort, [Symbol.asyncDispose]: () => plain[Symbol.asyncDispose]() };
}

async function trusting(over: Partial<Tls> = {}): Promise<Tls> {
  return { ca: await readFile(ours.ca, 'utf8'), cert: null, key: null, servername: null, ...over };
}

async function showing({ cert, key }: Certificate): Promise<Partial<Tls>> {
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

async function told(options: Partial<HubOptions>): Promise<string> {
  const hub = createRedisHub({ host: '127.0.0.1', port: server.tlsPort, ...options });
  try {
    // A handshake that hangs is given up after the first bound for an answer.
    const said = () => outcome(hub.clusters());
    return await eventually('an answer', said, (text) => !text.includes('did not answer'));
  } finally {
    await hub.close();
  }
}

function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it works',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

it('everything works over TLS, messages and leaving too', async () => {
  const options = { host: '127.0.0.1', port: server.tlsPort, tls: await trusting() };
  const hub = createRedisHub(options);
  const hints: string[] = [];
  await hub.watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
  await hub.putFacts(someFacts());
  await eventually('the hint', () => hints.includes('facts'));
  await hub.close();
  expect((await findKeys(options)).keys).toContain(`mysql-${SIGN}-reporters`);
});

it.for<[string, string, () => Promise<Partial<HubOptions>>]>([
  [
    'the name in the certificate may be another than the host',
    'it works',
    async () => ({ tls: await trusting({ servername: 'redis.example' }) }),
  ],
  [
    'a certificate for another name',
    'its certificate is for DNS:redis.example, IP Address:127.0.0.1, not for "elsewhere": set [redis] tls_servername',
    async () => ({ tls: await trusting({ servername: 'elsewhere' }) }),
  ],
  [
    'a certificate of a stranger',
    'its certificate is not signed by whom [redis] tls_ca names',
    async () => ({ tls: await trusting({ ca: await readFile(stranger.ca, 'utf8') }) }),
  ],
  ['no TLS where it is wanted', 'set [redis] tls_ca', async () => ({ tls: null })],
  [
    'TLS where it is not spoken',
    'or it does not speak TLS there: then remove tls_ca',
    async () => ({ port: server.plain.port, tls: await trusting() }),
  ],
])('%s', async ([, said, options]) => {
  expect(await told(await options())).toContain(said);
});

it('a certificate that has expired', async () => {
  await using old = await startTls(await ours.issue('IP:127.0.0.1', -1), '--tls-auth-clients', 'no');
  const said = await told({ port: old.tlsPort, tls: await trusting() });
  expect(said).toContain('its certificate has expired: renew it there');
});

it('a Redis that wants to know who we are', async () => {
  await using strict = await startTls(await ours.issue('IP:127.0.0.1'));
  const { tlsPort: port } = strict;
  const shown = async (certificate: Certificate | null, said: string) => {
    const tls = await trusting(certificate === null ? {} : await showing(certificate));
    await eventually(said, async () => (await told({ port, tls })).includes(said));
  };
  await shown(client, 'it works');
  await shown(null, 'wants a certificate of ours: set [redis] tls_cert and tls_key');
  await shown(
    await stranger.issue('DNS:monitor'),
    'does not know who signed the certificate in [redis] tls_cert',
  );
  await shown(
    await ours.issue('DNS:monitor', -1),
    'says that the certificate in [redis] tls_cert has expired',
  );
});

it('new certificates count from the next reading of the configuration on', async () => {
  await using dir = await tempDir('tls-config');
  const conf = join(dir.path, 'mmm.conf');
  const redis = `[redis]\nhost=127.0.0.1:${server.tlsPort}\ntls_ca=ca.pem\n`;
  const tag = `[a]\nuniqsign=${SIGN}\nprimaryhost=a:1\nsecondaryhost=b:1\nuser=u\n`;
  await writeFile(conf, redis + tag, { mode: 0o600 });
  const now = async () => told((await loadMmmConfig(conf)).redis);
  await copyFile(stranger.ca, join(dir.path, 'ca.pem'));
  expect(await now()).toContain('not signed by');
  await copyFile(ours.ca, join(dir.path, 'ca.pem'));
  expect(await now()).toBe('it works');
  await rm(join(dir.path, 'ca.pem'));
  await expect(loadMmmConfig(conf)).rejects.toThrow(
    `${conf}:3: tls_ca ca.pem cannot be read: no such file or folder (ENOENT)`,
  );
});
