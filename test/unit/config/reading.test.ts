/** How the files are read: what somebody writes, and every sentence he gets for it, with its line. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { loadAgentConfig } from '../../../src/config/agent.ts';
import { loadMmmConfig } from '../../../src/config/mmm.ts';
import { loadSidecarConfig } from '../../../src/config/sidecar.ts';
import type { LoadOptions, MmmConfig } from '../../../src/config/types.ts';
import { ConfigError } from '../../../src/errors.ts';
import { writeConfig } from './support.ts';

/** A sound mmm.conf of seven lines; what a test adds begins in line 8, inside [mysql3308]. */
const MMM = `[redis]
host=10.0.21.17:6379
[mysql3308]
uniqsign=8d9a4b2924dc40baa792d742cb786345
primaryhost=10.0.21.5:3308
secondaryhost=10.0.21.7:3308
user=user_mmm
`;

/** A sound mmm-sidecar.conf of nine lines; what a test adds begins in line 10, inside [target app]. */
const SIDECAR = `[redis]
host=10.0.21.17:6379
[cluster mysql3308]
uniqsign=8d9a4b2924dc40baa792d742cb786345
members=10.0.21.5:3308, 10.0.21.7:3308
[target app]
kind=file
template=app.hbs
dest=/etc/app.conf
`;

/** What the user wrote, and everything that is said, in the order of the lines. */
type Case = readonly [rule: string, text: string, said: readonly string[]];

const QUOTES = `put the whole value between " and "`;

const MMM_MISTAKES: readonly Case[] = [
  ['a quote left over', `charset='utf8`, [`8: charset has a ' without its partner: remove it, or ${QUOTES}`]],
  [
    'a quote left over at the end',
    `database=mysql'`,
    [`8: database has a ' without its partner: remove it, or ${QUOTES}`],
  ],
  [
    'a comment that touches the closing quote',
    `database='mysql'#note`,
    [`8: database has a ' without its partner: remove it, or ${QUOTES}`],
  ],
  ['a key twice', 'interval=1\ninterval=2', ['9: interval is already in line 8 of [mysql3308]: keep one']],
  ['a section twice', '[redis]\nhost=b:1', ['8: section [redis] is already in line 1: merge the two']],
  [
    'a section twice, with a mistake in its second half',
    '[log]\n[redis]\ndb=x',
    [
      '9: section [redis] is already in line 1: merge the two',
      '10: db must be a whole number from 0 to 65535, not "x"',
    ],
  ],
  ['a line that is nothing', 'no equals sign', ['8: this is no section header, no comment and no key=value']],
  ['a key with a blank', 'connect timeout=1', ['8: a key holds letters, digits, "_", "." and "-" only']],
  ['a header without its end', '[log\nlogfile=relative', ['8: a section header is [name]']],
  ['a header without a name', '[ ]', ['8: a section header is [name]']],
  [
    'a header with something behind it',
    '[log] x',
    ['8: nothing may follow [log] but white space and a comment'],
  ],
  [
    'a comment that touches a header',
    '[log]# x',
    ['8: nothing may follow [log] but white space and a comment'],
  ],
  ['a control character', 'password=a\u0007b', ['8: there is a control character in this line']],
  ['line ends of an old Mac', 'a=1\rb=2', ['8: there is a control character in this line']],
  ['a duration', 'interval=soon', ['8: interval must be a duration such as 500ms, 3s or 2m, not "soon"']],
  [
    'a duration out of range',
    'probe_interval=2ms',
    ['8: probe_interval must be from 10ms to one day, not "2ms"'],
  ],
  ['a whole number', 'try_times=1.5', ['8: try_times must be a whole number from 1 to 1000, not "1.5"']],
  ['a choice', 'fencing=stric', ['8: fencing must be routed or strict or none, not "stric"']],
  [
    'a path',
    'monitor_logfile=mmm.log',
    ['8: monitor_logfile must be a path that begins with /, not "mmm.log"'],
  ],
  ['a word', 'charset=utf 8', ['8: charset must be a character set, not "utf 8"']],
  [
    'names between quotes',
    `excludeuser='root', 'monitor'`,
    [`8: excludeuser must be names between commas, without quotes: "root'"`],
  ],
  ['a key that does not work yet', 'probe_table=x.y', ['8: probe_table is not supported yet']],
  ['a value that does not work yet', 'servicemode=0', ['8: servicemode=0 is not supported yet']],
  [
    'two keys that contradict each other',
    'silence=1s\nconfirm=2s',
    ['9: confirm (2000ms) must not be longer than silence (1000ms)'],
  ],
  [
    'a password and its file',
    'password=a\npassword_file=b',
    ['9: password and password_file are both given: keep one'],
  ],
  [
    'a password file that is not there',
    'password_file=lost',
    ['8: password_file lost cannot be read: no such file or folder (ENOENT)'],
  ],
  [
    'a quote in a password',
    `password='s3cret`,
    [`8: password has a ' without its partner: remove it, or ${QUOTES}`],
  ],
  [
    'a dot in a tag',
    '[a.b]\nuser=u',
    [
      '8: [a.b] needs uniqsign',
      '8: [a.b] needs primaryhost',
      '8: [a.b] needs secondaryhost',
      '8: tag [a.b] may hold at most 64 letters, digits, "_" and "-"',
    ],
  ],
  [
    'a required key that is empty',
    '[b]\nuniqsign=b\nprimaryhost=b:1\nsecondaryhost=\nuser=u',
    ['11: [b] needs secondaryhost'],
  ],
  [
    'one server for two, however it is spelled',
    '[b]\nuniqsign=b\nprimaryhost=b:1\nsecondaryhost=B:1\nuser=u',
    ['11: secondaryhost B:1 is primaryhost too: name two servers'],
  ],
  [
    'a server of another cluster',
    '[b]\nuniqsign=b\nprimaryhost=10.0.21.7:3308\nsecondaryhost=b:1\nuser=u',
    ['10: primaryhost 10.0.21.7:3308 belongs to [mysql3308] already'],
  ],
  [
    'the uniqsign of another cluster',
    '[b]\nuniqsign=8d9a4b2924dc40baa792d742cb786345\nprimaryhost=b:1\nsecondaryhost=c:1\nuser=u',
    ['9: uniqsign 8d9a4b2924dc40baa792d742cb786345 belongs to [mysql3308] already'],
  ],
  [
    'an impossible uniqsign',
    '[b]\nuniqsign=my cluster\nprimaryhost=b:1\nsecondaryhost=c:1\nuser=u',
    ['9: uniqsign must be 32 hex digits: mmm-uniqsign prints a new one'],
  ],
  [
    'a misspelled section',
    '[redsi]\nhost=b:1',
    ['8: [redsi] names no uniqsign and no host, so it is no cluster: did you mean [redis]?'],
  ],
  [
    'a state folder that is not from the root',
    '[state]\ndir=state',
    ['9: dir must be a path that begins with /, not "state"'],
  ],
  [
    'an id that cannot be one',
    '[state]\nid=db 1',
    ['9: id must be at most 128 letters, digits, "_", "." or "-", not "db 1"'],
  ],
];

test.for(MMM_MISTAKES)('mmm.conf, a mistake: %s', async ([, text, said]) => {
  expect(await mistakes(loadMmmConfig, 'mmm.conf', MMM + text)).toEqual(said);
});

const MMM_WARNINGS: readonly Case[] = [
  [
    'a misspelled key',
    'intervall=3',
    ['8: unknown key intervall in [mysql3308] is ignored; did you mean interval?'],
  ],
  ['a key like no other', 'wsrep_on=1', ['8: unknown key wsrep_on in [mysql3308] is ignored']],
  [
    'a uniqsign of another form',
    '[b]\nuniqsign=shop-eu\nprimaryhost=b:1\nsecondaryhost=c:1\nuser=u',
    ['9: uniqsign shop-eu is not 32 hex digits: make sure that no other cluster uses it'],
  ],
];

test.for(MMM_WARNINGS)('mmm.conf, a warning: %s', async ([, text, said]) => {
  expect(await warnings(MMM + text)).toEqual(said);
});

/** What the user wrote behind `password=`, and the password. */
const VALUES: readonly (readonly [written: string, read: string])[] = [
  ['s3cret', 's3cret'],
  ['  s3cret\t', 's3cret'],
  ['s3cret # a comment', 's3cret'],
  ['s3cret\t; a comment', 's3cret'],
  [' # only a comment', ''],
  ['#s3;cret#', '#s3;cret#'],
  [`it's "so"!`, `it's "so"!`],
  [`'s3cret'`, 's3cret'],
  [`"s3 # cret" ; a comment`, 's3 # cret'],
  [`"it's"`, `it's`],
  [`'"s3cret"'`, '"s3cret"'],
  ['a=b=c', 'a=b=c'],
  ['[x]', '[x]'],
  ['grün€', 'grün€'],
  ['true', 'true'],
];

test.for(VALUES)('password=%s is read as %s', async ([written, read]) => {
  expect((await mmm(`${MMM}password=${written}`)).clusters[0]?.password).toBe(read);
});

test.for([
  ['a mark in front of everything, line ends of Windows', `\uFEFF${MMM.replaceAll('\n', '\r\n')}`],
  ['no end of the last line', MMM.trimEnd()],
  ['comments behind headers', MMM.replaceAll(']\n', ']   # the ancestor refused these\n')],
  ['blank and commented lines, blanks around everything', `# top\n\n ; mid\n${MMM.replaceAll('=', ' = ')}`],
])('read without a word: %s', async ([, text]) => {
  const config = await mmm(text ?? '');
  expect(config).toMatchObject({ warnings: [], redis: { host: '10.0.21.17', port: 6379 } });
  expect(config.clusters.map(({ tag, user }) => [tag, user])).toEqual([['mysql3308', 'user_mmm']]);
});

test('all mistakes of a file come at once, in the order of the lines, and no warning hides them', async () => {
  const text = `early=1\n${MMM}interval=soon\nunknown=1\ncharset="utf8\n[redis]\ntopic=a b\n[mysql3308]\ntry_times=0\n[log]\nlogfile=x`;
  expect(await mistakes(loadMmmConfig, 'mmm.conf', text)).toEqual([
    '1: early stands before the first section header',
    '9: interval must be a duration such as 500ms, 3s or 2m, not "soon"',
    `11: charset has a " without its partner: remove it, or put the whole value between ' and '`,
    '12: section [redis] is already in line 2: merge the two',
    '13: topic must be one word, not "a b"',
    '14: section [mysql3308] is already in line 4: merge the two',
    '15: try_times must be a whole number from 1 to 1000, not "0"',
    '17: logfile must be a path that begins with /, not "x"',
  ]);
});

test('what is missing is reported at the header of its section, or without a line when there is none', async () => {
  expect(await mistakes(loadMmmConfig, 'mmm.conf', '\n[a]\nuser=u')).toEqual([
    '2: [a] needs uniqsign',
    '2: [a] needs primaryhost',
    '2: [a] needs secondaryhost',
    ': [redis] needs host=host:port, such as 10.0.21.17:6379',
  ]);
  expect(await mistakes(loadMmmConfig, 'mmm.conf', '[redis]\nhost=\n[log]')).toEqual([
    '2: [redis] needs host=host:port, such as 10.0.21.17:6379',
    ': names no cluster: add a section [TAG]',
  ]);
});

test('a user of Redis without a password is a mistake: he would never be named to Redis', async () => {
  const text = MMM.replace('[mysql3308]', 'username=mmm\n[mysql3308]');
  expect(await mistakes(loadMmmConfig, 'mmm.conf', text)).toEqual([
    '3: username needs password or password_file: set one',
  ]);
});

test('--redis takes precedence over the file, and a tag that the file does not have is a mistake', async () => {
  const file = await writeConfig('mmm.conf', MMM);
  expect((await loadMmmConfig(file, { redis: '127.0.0.1:7000' })).redis).toMatchObject({
    host: '127.0.0.1',
    port: 7000,
  });
  expect(await mistakes(loadMmmConfig, 'mmm.conf', `${MMM}interval=x`, { tags: ['mysql3309'] })).toEqual([
    '8: interval must be a duration such as 500ms, 3s or 2m, not "x"',
    ': has no cluster mysql3309, which --tag asks for; it has mysql3308',
  ]);
});

const SIDECAR_MISTAKES: readonly Case[] = [
  ['permissions', 'mode=rw', ['10: mode must be octal permissions such as 0644, not "rw"']],
  ['a list with a repeated item', 'clusters=mysql3308, mysql3308', ['10: clusters names mysql3308 twice']],
  [
    'a list with an empty item',
    'clusters=mysql3308,',
    ['10: clusters must be names between commas: "" is not'],
  ],
  [
    'a cluster that is not there',
    'clusters=x',
    ['10: clusters names x, but there is no section [cluster x]'],
  ],
  [
    'an open quote in a command',
    'check_cmd=sh -c "exit 0',
    ['10: check_cmd has a " without its partner: close it'],
  ],
  [
    'an unknown placeholder',
    'check_cmd=check {{staeg}}',
    ['10: check_cmd holds "{{staeg}}": only {{stage}}, {{dest}} and {{tag}} are replaced'],
  ],
  [
    'a quote in a key of the template',
    `x_name='a`,
    [`10: x_name has a ' without its partner: remove it, or ${QUOTES}`],
  ],
  ['a member twice', '[cluster b]\nuniqsign=b\nmembers=b:1, b:1', ['12: members names b:1 twice']],
  [
    'an address without a port',
    '[cluster b]\nuniqsign=b\nmembers=b:1, c',
    ['12: members must be host:port addresses between commas: "c" is not'],
  ],
  [
    'a dot in a tag',
    '[cluster b.c]\nuniqsign=b\nmembers=b:1, c:1',
    ['10: tag b.c may hold at most 64 letters, digits, "_" and "-"'],
  ],
  [
    'a server of another cluster',
    '[cluster b]\nuniqsign=b\nmembers=b:1, 10.0.21.5:3308',
    ['12: members 10.0.21.5:3308 belongs to [cluster mysql3308] already'],
  ],
];

test.for(SIDECAR_MISTAKES)('mmm-sidecar.conf, a mistake: %s', async ([, text, said]) => {
  expect(await mistakes(loadSidecarConfig, 'mmm-sidecar.conf', SIDECAR + text)).toEqual(said);
});

test('an unknown section of the agent or the sidecar is ignored aloud, with the nearest known one', async () => {
  const file = await writeConfig(
    'mmm-agent.conf',
    '[mysql]\nuser=u\nmembers=a:1,b:1\n[redis]\nhost=a:1\n[sate]\ndir=/x\n',
  );
  expect((await loadAgentConfig(file)).warnings).toEqual([
    `${file}:6: unknown section [sate] is ignored; did you mean state?`,
  ]);
});

test.for([
  ['empty', '', 'it is empty'],
  ['of several lines', 'a\nb\n', 'it holds more than one line'],
  ['no text', 'a\0b', 'it is no text file'],
  ['of another character set', Buffer.from([0x67, 0x72, 0xfc, 0x6e]), 'it is not UTF-8'],
] as const)('a password file that is %s is refused, and its content not shown', async ([, content, why]) => {
  const file = await writeConfig('mmm.conf', `${MMM}password_file=db.secret`);
  await writeFile(join(dirname(file), 'db.secret'), content, { mode: 0o600 });
  expect(await said(loadMmmConfig(file), file)).toEqual([
    `8: password_file db.secret cannot be read: ${why}`,
  ]);
});

test('files with passwords that everybody can read are warned of; the group of the daemon may read them', async () => {
  const file = await writeConfig('mmm.conf', `${MMM}password=p`);
  await chmod(file, 0o640);
  expect((await loadMmmConfig(file)).warnings).toEqual([]);
  await chmod(file, 0o644);
  expect((await loadMmmConfig(file)).warnings).toEqual([
    `${file}: holds passwords and others can read it: chmod o= ${file}`,
  ]);
  const other = await writeConfig('mmm.conf', `${MMM}password_file=db.secret`, 0o644);
  const secret = join(dirname(other), 'db.secret');
  await writeFile(secret, 'p\n');
  await chmod(secret, 0o604);
  expect((await loadMmmConfig(other)).warnings).toEqual([
    `${other}:8: others can read db.secret: chmod o= ${secret}`,
  ]);
});

test('a file that cannot be read as one is refused in one sentence', async () => {
  const file = await writeConfig('mmm.conf', MMM);
  const folder = dirname(file);
  const why = async (path: string) => said(loadMmmConfig(path), path);
  expect(await why(`${file}x`)).toEqual([
    ': cannot be read: no such file or folder (ENOENT); --conf names the file',
  ]);
  expect(await why(join(file, 'x'))).toEqual([
    ': cannot be read: a file stands where a folder is wanted (ENOTDIR); --conf names the file',
  ]);
  await mkdir(join(folder, 'sub'));
  expect(await why(join(folder, 'sub'))).toEqual([
    ': cannot be read: it is a directory; --conf names the file',
  ]);
  expect(await why('/dev/zero')).toEqual([': cannot be read: it is no regular file; --conf names the file']);
  await writeFile(file, Buffer.from(MMM, 'utf16le'));
  expect(await why(file)).toEqual([': cannot be read: it is no text file; --conf names the file']);
  await writeFile(file, `${MMM}#${'x'.repeat(1_100_000)}`);
  expect(await why(file)).toEqual([
    ': cannot be read: it is larger than 1 MiB, is it the right one?; --conf names the file',
  ]);
});

test('a value in another character set is refused where it counts; a comment may be in any', async () => {
  const file = await writeConfig('mmm.conf', '');
  const latin1 = (text: string) => writeFile(file, Buffer.from(MMM + text, 'latin1'));
  await latin1('# f\u00fcr alle\ninterval=3 # f\u00fcr alle\n');
  expect((await loadMmmConfig(file)).warnings).toEqual([]);
  await latin1('password=gr\u00fcn\n');
  expect(await said(loadMmmConfig(file), file)).toEqual([
    '8: password has a character that is not UTF-8: save the file as UTF-8',
  ]);
});

type Load = (file: string, options?: LoadOptions) => Promise<unknown>;

async function mmm(text: string): Promise<MmmConfig> {
  return loadMmmConfig(await writeConfig('mmm.conf', text));
}

async function mistakes(
  load: Load,
  name: string,
  text: string,
  options: LoadOptions = {},
): Promise<readonly string[]> {
  const file = await writeConfig(name, text);
  return said(load(file, options), file);
}

/** The mistakes without the name of the file. */
async function said(load: Promise<unknown>, file: string): Promise<readonly string[]> {
  const outcome = await load.catch((error: unknown) => error);
  if (!(outcome instanceof ConfigError)) throw new Error(`no mistake was found: ${String(outcome)}`);
  return outcome.mistakes.map((mistake) => mistake.replace(file, '').replace(/^:(?=\d)/, ''));
}

async function warnings(text: string): Promise<readonly string[]> {
  const file = await writeConfig('mmm.conf', text);
  return (await loadMmmConfig(file)).warnings.map((warning) => warning.replace(`${file}:`, ''));
}
