import { chmod, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { loadMmmConfig } from '../../../src/config/mmm.ts';
import { UsageError } from '../../../src/errors.ts';
import { mistakesOf, writeConfig } from './support.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/ancestor');
const pair = 'primaryhost=10.0.21.5:3308\nsecondaryhost=10.0.21.7:3308\nuser=u\n';
const sign = 'uniqsign=8d9a4b2924dc40baa792d742cb786345\n';
const redis = '[redis]\nhost=10.0.21.17:6379\n';

test('the file that the ancestor ships is understood as it was', async () => {
  const config = await loadMmmConfig(join(fixtures, 'mmm.conf'));
  expect(config.redis).toEqual({
    host: '10.0.21.17',
    port: 6379,
    username: null,
    password: null,
    db: 0,
    topic: 'mmm-switch-channel',
    tls: null,
  });
  expect(config.logFile).toBe('/var/log/mmm-manager/mmm-monitor.log');
  expect(config.state).toEqual({ dir: '/var/lib/mmm-manager', id: hostname() });
  expect(config.clusters).toEqual([
    {
      tag: 'mysql3308',
      uniqsign: '8d9a4b2924dc40baa792d742cb786345',
      masters: ['10.0.21.5:3308', '10.0.21.7:3308'],
      database: 'information_schema',
      user: 'user_mmm',
      password: 'xxxxxxxx',
      excludeUsers: ['root', 'monitor', 'user_replica'],
      charset: 'utf8',
      connectTimeoutMs: 1000,
      intervalMs: 3000,
      probeTimeoutMs: 1000,
      monitorLogfile: '/var/log/mmm-manager/mmm-monitor-3308.log',
      identifyLogfile: '/var/log/mmm-manager/mmm-identify-3308.log',
      fenceCmd: null,
      policy: {
        fencing: 'routed',
        probeIntervalMs: 500,
        confirmMs: 200,
        silenceMs: 10_000,
        freezeMs: 3000,
        tryTimes: 2,
        maxLagMs: 30_000,
        catchupMs: 10_000,
        writePauseMs: 2000,
        maxLostTransactions: null,
        failback: 'manual',
        flapCount: 3,
        flapMs: 3_600_000,
        autoSetOnlineMs: 60_000,
        monitorUser: 'user_mmm',
        leaseMs: 5000,
        failoverCooldownMs: 600_000,
      },
    },
  ]);
});

test('the commented file of the ancestor README, which its own parser refuses, is understood', async () => {
  const config = await loadMmmConfig(join(fixtures, 'readme-mmm.conf'));
  expect(config.clusters[0]).toMatchObject({ tag: 'mysql3308', password: 'xxxxx', connectTimeoutMs: 1000 });
  expect(config.redis.password).toBe(null);
  expect(config.warnings.filter((line) => !line.includes('others can read'))).toEqual([]);
});

test('everything wrong with a file is said in one go, by line', async () => {
  const file = await writeConfig(
    'mmm.conf',
    `[a.b]\n${sign}${pair}[b]\n${sign}primaryhost=10.0.21.9:1\nsecondaryhost=10.0.21.9:1\nuser='u\ninterval=0\nconfirm=20s\n` +
      `servicemode=0\ndurability=semisync\nlease_ttl=1s\nfence_cmd=x {{dest}}\n[redis]\nhost=nowhere\nsentinels=a:1\n`,
  );
  expect(await mistakesOf(loadMmmConfig(file), file)).toEqual([
    ':1: tag [a.b] may hold at most 64 letters, digits, "_" and "-"',
    ':7: uniqsign 8d9a4b2924dc40baa792d742cb786345 belongs to [a.b] already',
    ':9: secondaryhost 10.0.21.9:1 is primaryhost too: name two servers',
    expect.stringContaining(":10: user has a ' without its partner"),
    ':11: interval must be from 10ms to one day, not "0"',
    ':12: confirm (20000ms) must not be longer than silence (10000ms)',
    ':13: servicemode=0 is not supported yet',
    ':14: durability=semisync is not supported yet',
    ':15: lease_ttl (1000ms) is too short: only 280 ms would keep two writers apart; the default is 5s',
    ':16: fence_cmd holds "{{dest}}": only {{address}}, {{host}}, {{port}}, {{tag}} and {{generation}} are replaced',
    ':18: host must be host:port, not "nowhere"',
    ':19: sentinels is not supported yet',
  ]);
});

test('a lease that could not be kept safely is refused with the reason', async () => {
  const said = async (keys: string) => {
    const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}${keys}\n${redis}`);
    return loadMmmConfig(file).then(
      () => [],
      () => mistakesOf(loadMmmConfig(file), file),
    );
  };
  expect(await said('lease_ttl=20s\nfreeze_timeout=12s')).toEqual([]);
  expect(await said('lease_ttl=20s\nfreeze_timeout=12001ms')).toEqual([
    ':7: freeze_timeout (12001ms) must not be longer than 12000ms, which lease_ttl (20000ms) leaves: shorten the one or lengthen the other',
  ]);
  expect(await said('freeze_timeout=4s')).toEqual([expect.stringContaining('longer than 3000ms')]);
  expect(await said('lease_ttl=1400ms\nfreeze_timeout=100ms')).toEqual([
    expect.stringMatching(/^:6: lease_ttl .* would keep two writers apart/),
  ]);
});

test('fence_cmd is split into words, and its placeholders stay', async () => {
  const body = `${sign}${pair}fence_cmd=/bin/off --host "{{host}}" # turn it off\n${redis}`;
  const config = await loadMmmConfig(await writeConfig('mmm.conf', `[a]\n${body}`));
  expect(config.clusters[0]?.fenceCmd).toEqual(['/bin/off', '--host', '{{host}}']);
});

test('what is missing is named', async () => {
  const file = await writeConfig('mmm.conf', '[a]\nprimaryhost=\n');
  expect(await mistakesOf(loadMmmConfig(file), file)).toEqual([
    ':1: [a] needs uniqsign',
    ':1: [a] needs secondaryhost',
    ':1: [a] needs user',
    ':2: [a] needs primaryhost',
    ': [redis] needs host=host:port, such as 10.0.21.17:6379',
  ]);
  const empty = await writeConfig('mmm.conf', redis);
  expect(await mistakesOf(loadMmmConfig(empty), empty)).toEqual([': names no cluster: add a section [TAG]']);
});

test('a misspelled section is named, and any other name is a cluster of its own', async () => {
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}[redsi]\nhost=10.0.21.17:6379\n`);
  expect(await mistakesOf(loadMmmConfig(file), file)).toContain(
    ':6: [redsi] names no uniqsign and no host, so it is no cluster: did you mean [redis]?',
  );
  const odd = await writeConfig('mmm.conf', `[constructor]\n${sign}${pair}[log]\n${redis}`);
  expect((await loadMmmConfig(odd)).clusters.map(({ tag }) => tag)).toEqual(['constructor']);
});

test('a file that is not there is a configuration error that says how to name another', async () => {
  expect(await mistakesOf(loadMmmConfig('/nowhere/mmm.conf'), '/nowhere/mmm.conf')).toEqual([
    expect.stringMatching(/^: cannot be read: no such file.*--conf names the file$/),
  ]);
});

test('an unknown key is ignored aloud, with the nearest known name', async () => {
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}fencng=strict\n${redis}`);
  expect((await loadMmmConfig(file)).warnings).toEqual([
    `${file}:6: unknown key fencng in [a] is ignored; did you mean fencing?`,
  ]);
});

test('a uniqsign of another form warns, an impossible one is refused', async () => {
  const odd = await writeConfig('mmm.conf', `[a]\nuniqsign=my-cluster\n${pair}${redis}`);
  expect((await loadMmmConfig(odd)).warnings).toEqual([expect.stringContaining('is not 32 hex digits')]);
  const bad = await writeConfig('mmm.conf', `[a]\nuniqsign=my cluster\n${pair}${redis}`);
  expect(await mistakesOf(loadMmmConfig(bad), bad)).toEqual([
    expect.stringContaining('must be 32 hex digits'),
  ]);
});

test('two clusters may not share a server', async () => {
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}[b]\nuniqsign=b\n${pair}${redis}`);
  expect(await mistakesOf(loadMmmConfig(file), file)).toEqual([
    ':8: primaryhost 10.0.21.5:3308 belongs to [a] already',
    ':9: secondaryhost 10.0.21.7:3308 belongs to [a] already',
  ]);
});

test('--redis overrides the file and --tag chooses clusters', async () => {
  const other = 'primaryhost=10.0.21.6:1\nsecondaryhost=10.0.21.8:1\nuser=u\n';
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}[b]\nuniqsign=b\n${other}${redis}`);
  const config = await loadMmmConfig(file, { redis: '127.0.0.1:7000', tags: ['b'] });
  expect(config.redis).toMatchObject({ host: '127.0.0.1', port: 7000 });
  expect(config.clusters.map(({ tag }) => tag)).toEqual(['b']);
  expect(await mistakesOf(loadMmmConfig(file, { tags: ['c'] }), file)).toEqual([
    ': has no cluster c, which --tag asks for; it has a, b',
  ]);
  await expect(loadMmmConfig(file, { redis: 'nowhere' })).rejects.toThrow(UsageError);
});

test('a file without [redis] loads when --redis names one', async () => {
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}`);
  expect((await loadMmmConfig(file, { redis: '[::1]:6379' })).redis.host).toBe('::1');
});

test('a password may stand in a file of its own, without its final newline', async () => {
  const file = await writeConfig('mmm.conf', `[a]\n${sign}${pair}password_file=db.secret\n${redis}`);
  const secret = join(dirname(file), 'db.secret');
  await writeFile(secret, " p#w'd ;x \n", { mode: 0o600 });
  const config = await loadMmmConfig(file);
  expect(config.clusters[0]?.password).toBe(" p#w'd ;x ");
  expect(config.warnings).toEqual([]);
  await chmod(secret, 0o644);
  expect((await loadMmmConfig(file)).warnings).toEqual([expect.stringContaining(`chmod o= ${secret}`)]);
});

test('a password and its file together are refused, and so is a file that cannot be read', async () => {
  const both = await writeConfig('mmm.conf', `[a]\n${sign}${pair}password=p\npassword_file=x\n${redis}`);
  expect(await mistakesOf(loadMmmConfig(both), both)).toEqual([
    ':7: password and password_file are both given: keep one',
  ]);
  const lost = await writeConfig('mmm.conf', `[a]\n${sign}${pair}password_file=x\n${redis}`);
  expect(await mistakesOf(loadMmmConfig(lost), lost)).toEqual([
    expect.stringMatching(/^:6: password_file x cannot be read: no such file/),
  ]);
});

test('a file with passwords that others can read warns; without passwords it does not', async () => {
  const open = await writeConfig('mmm.conf', `[a]\n${sign}${pair}password=p\n${redis}`, 0o644);
  expect((await loadMmmConfig(open)).warnings).toEqual([
    `${open}: holds passwords and others can read it: chmod o= ${open}`,
  ]);
  const harmless = await writeConfig('mmm.conf', `[a]\n${sign}${pair}password=\n${redis}`, 0o644);
  expect((await loadMmmConfig(harmless)).warnings).toEqual([]);
});

test('no secret ever appears in a mistake', async () => {
  const file = await writeConfig(
    'mmm.conf',
    `[a]\n${sign}${pair}password='s3cret\n${redis}password="s3cret\n`,
  );
  expect((await mistakesOf(loadMmmConfig(file), file)).join()).not.toContain('s3cret');
});

test('the id carries the name of a file that is not the usual one, unless it is given', async () => {
  const body = `[a]\n${sign}${pair}${redis}`;
  expect((await loadMmmConfig(await writeConfig('blue.conf', body))).state.id).toBe(`${hostname()}-blue`);
  expect((await loadMmmConfig(await writeConfig('mmm.conf', body))).state.id).toBe(hostname());
  const own = await writeConfig('blue.conf', `${body}[state]\nid=db-1\ndir=/srv/mmm\n`);
  expect((await loadMmmConfig(own)).state).toEqual({ dir: '/srv/mmm', id: 'db-1' });
});
