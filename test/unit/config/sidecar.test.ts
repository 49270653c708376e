import { expect, test } from 'vitest';
import { loadSidecarConfig } from '../../../src/config/sidecar.ts';
import type { SidecarConfig } from '../../../src/config/types.ts';
import { mistakesOf, writeConfig } from './support.ts';

const base = `[redis]
host=10.0.21.17:6379
[cluster a]
uniqsign=8d9a4b2924dc40baa792d742cb786345
members=10.0.21.5:3308, 10.0.21.7:3308
[cluster b]
uniqsign=8d9a4b2924dc40baa792d742cb786346
members=10.0.21.6:3308, 10.0.21.8:3308
`;

async function load(text: string, tags: readonly string[] = []): Promise<SidecarConfig> {
  return loadSidecarConfig(await writeConfig('mmm-sidecar.conf', base + text), { tags });
}

async function mistakes(text: string): Promise<readonly string[]> {
  const file = await writeConfig('mmm-sidecar.conf', base + text);
  return mistakesOf(loadSidecarConfig(file), file);
}

test('a haproxy target holds everything its section says, and its template sees all but the secrets', async () => {
  const { targets, warnings, reconcileMs, commandTimeoutMs } = await load(
    '[target haproxy]\nkind=haproxy\nclusters=a\ndest=/etc/haproxy.cfg\nmode=0640\ncheck_cmd=haproxy -c -f {{stage}} # c\n' +
      'reload_cmd=sh -c "kill -USR2 1 ; true"\nsocket=/run/1.sock, /run/2.sock\nbind=*:3306\nlisten=127.0.0.1:3306\n' +
      'verify_user=v\nverify_password=s3cret\nglobal_include=/etc/g.cfg\nx_retries=3\n',
  );
  expect(targets).toEqual([
    {
      name: 'haproxy',
      kind: 'haproxy',
      clusters: ['a'],
      template: null,
      dest: '/etc/haproxy.cfg',
      mode: 0o640,
      checkCmd: ['haproxy', '-c', '-f', '{{stage}}'],
      reloadCmd: ['sh', '-c', 'kill -USR2 1 ; true'],
      sockets: ['/run/1.sock', '/run/2.sock'],
      backend: null,
      listen: { a: '127.0.0.1:3306' },
      bind: { a: '*:3306' },
      verifyUser: 'v',
      verifyPassword: 's3cret',
      options: {
        kind: 'haproxy',
        clusters: 'a',
        dest: '/etc/haproxy.cfg',
        mode: '0640',
        check_cmd: 'haproxy -c -f {{stage}}',
        reload_cmd: 'sh -c "kill -USR2 1 ; true"',
        socket: '/run/1.sock, /run/2.sock',
        bind: '*:3306',
        listen: '127.0.0.1:3306',
        verify_user: 'v',
        global_include: '/etc/g.cfg',
        x_retries: '3',
      },
    },
  ]);
  expect(warnings).toEqual([]);
  expect([reconcileMs, commandTimeoutMs]).toEqual([5000, 10_000]);
});

test('a file target takes a template, and keys of its own when they begin with x_', async () => {
  const config = await load(
    '[sidecar]\ntemplates_dir=/etc/t\nreconcile=1s\n[target f]\nkind=file\ntemplate=a.hbs\ndest=/a\nx_pool=20\npool=3\nbind=1:1\n' +
      'x_password=s3cret\ncheck_cmd=true\n',
  );
  expect(config).toMatchObject({ templatesDir: '/etc/t', reconcileMs: 1000 });
  expect(config.targets[0]).toMatchObject({
    kind: 'file',
    clusters: ['a', 'b'],
    template: 'a.hbs',
    sockets: [],
  });
  expect(Object.keys(config.targets[0]?.options ?? {})).toEqual([
    'kind',
    'template',
    'dest',
    'x_pool',
    'check_cmd',
  ]);
  expect(JSON.stringify(config.targets)).not.toContain('s3cret');
  const said = config.warnings.map((line) => line.replace(/^[^:]*:/, ''));
  expect(said).toEqual([
    '17: unknown key pool in [target f] is ignored',
    '18: bind does nothing with kind=file',
    '19: x_password is taken for a secret and does not reach the template',
    '20: check_cmd does not name {{stage}}, the new file: it checks something else',
  ]);
});

test('several clusters in one target need an address each', async () => {
  const { targets } = await load(
    '[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind.a=0.0.0.0:1\nbind.b=0.0.0.0:2\nlisten.b=127.0.0.1:2\n',
  );
  expect(targets[0]).toMatchObject({
    bind: { a: '0.0.0.0:1', b: '0.0.0.0:2' },
    listen: { b: '127.0.0.1:2' },
  });
  expect(await mistakes('[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind=0.0.0.0:1\n')).toEqual([
    ':13: bind does not say which cluster it is for: write bind.a, bind.b',
  ]);
  expect(
    await mistakes('[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind.a=0.0.0.0:1\nbind.c=0.0.0.0:3\n'),
  ).toEqual([
    ':9: [target h] needs bind.b, where haproxy listens for b',
    ':14: bind.c names a cluster that this target does not serve',
  ]);
  expect(
    await mistakes('[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind.a=0.0.0.0:1\nbind.b=0.0.0.0:1\n'),
  ).toEqual([':14: bind 0.0.0.0:1 is used by two clusters']);
});

test('--tag takes the targets of its clusters, and does not split one that serves others too', async () => {
  const both = '[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind.a=0.0.0.0:1\nbind.b=0.0.0.0:2\n';
  const [onlyA, onlyB] = ['a', 'b'].map(
    (tag) => `[target f${tag}]\nkind=file\ntemplate=t\ndest=/f${tag}\nclusters=${tag}\n`,
  );
  const config = await load(`${onlyA}${onlyB}`, ['b']);
  expect(config.clusters.map(({ tag }) => tag)).toEqual(['b']);
  expect(config.targets.map(({ name, clusters }) => [name, clusters])).toEqual([['fb', ['b']]]);
  expect((await load(both, ['a', 'b'])).targets).toHaveLength(1);
  const file = await writeConfig('mmm-sidecar.conf', base + both);
  expect(await mistakesOf(loadSidecarConfig(file, { tags: ['b'] }), file)).toEqual([
    ':9: [target h] serves a too, which --tag leaves out: ask for these as well, or give each cluster a target of its own',
  ]);
});

test('a haproxy that nobody tells of a change is refused', async () => {
  expect(await mistakes('[target h]\nkind=haproxy\nclusters=a\ndest=/h\nbind=0.0.0.0:1\n')).toEqual([
    ':9: [target h] needs socket or reload_cmd: without both haproxy never hears of a change',
  ]);
});

test('two targets may not steer one haproxy, and one file is one however it is spelled', async () => {
  const target = (name: string, dest: string, socket: string) =>
    `[target ${name}]\nkind=haproxy\nclusters=a\ndest=${dest}\nbind=0.0.0.0:1\nsocket=${socket}\n`;
  expect(await mistakes(target('g', '/etc/g', '/run/s') + target('h', '/etc/x/../g', '/run//s'))).toEqual([
    ':18: dest /etc/x/../g belongs to [target g] already',
    ':20: socket /run//s belongs to [target g] already',
  ]);
});

test('a command that only a shell would understand is warned of', async () => {
  const target = '[target f]\nkind=file\ntemplate=t\ndest=/f\n';
  const { warnings } = await load(`${target}reload_cmd=reload app && touch /done\n`);
  expect(warnings.map((line) => line.replace(/^[^:]*:/, ''))).toEqual([
    '13: reload_cmd is run without a shell, which hands && to the program: write sh -c "..."',
  ]);
  expect((await load(`${target}reload_cmd=sh -c "reload app > /log"\n`)).warnings).toEqual([]);
});

test.for(['hosts', 'dns', 'exec'])(
  'a target of kind=%s is not supported yet, and nothing else is said about it',
  async (kind) => {
    expect(await mistakes(`[target t]\nkind=${kind}\nwriter_name=x\nserver=y\n`)).toEqual([
      `:10: kind=${kind} is not supported yet`,
    ]);
  },
);

test('a target that cannot work is refused with every reason', async () => {
  expect(
    await mistakes(
      '[target h]\nkind=haproxy\nclusters=a, z\nmode=999\nsocket=admin.sock\nbind.a=nowhere\nreload_cmd=sh -c "x\n' +
        'master_socket=/m\ndrift=revert\n[target t]\nkind=fil\n[target u]\n',
    ),
  ).toEqual([
    ':9: [target h] needs dest',
    ':11: clusters names z, but there is no section [cluster z]',
    ':12: mode must be octal permissions such as 0644, not "999"',
    ':13: socket must be paths that begin with / and have no blanks, between commas: "admin.sock" is not',
    ':14: bind.a must be host:port or *:port, not "nowhere"',
    ':15: reload_cmd has a " without its partner: close it',
    ':16: master_socket is not supported yet',
    ':17: drift is not supported yet',
    ':19: kind must be haproxy or file, not "fil"',
    ':20: [target u] needs kind=haproxy or kind=file',
  ]);
});

test('proving the route needs an address and an account', async () => {
  const target = '[target h]\nkind=haproxy\nclusters=a\ndest=/h\nreload_cmd=r\nbind=0.0.0.0:1\n';
  expect(await mistakes(`${target}verify_user=v\n`)).toEqual([
    ':15: verify_user needs listen, where to log in through haproxy',
  ]);
  const both = '[target h]\nkind=haproxy\ndest=/h\nreload_cmd=r\nbind.a=0.0.0.0:1\nbind.b=0.0.0.0:2\n';
  expect(await mistakes(`${both}listen.a=127.0.0.1:1\nverify_user=v\n`)).toEqual([
    ':16: verify_user needs listen.b, where to log in through haproxy',
  ]);
  expect(await mistakes(`${target}listen=127.0.0.1:1\nverify_password=v\n`)).toEqual([
    ':16: verify_password needs verify_user',
  ]);
});

test('two targets may not write one file, and two clusters may not share a server', async () => {
  const file = '\nkind=file\ntemplate=t\ndest=/f\n';
  expect(await mistakes(`[target f]${file}[target g]${file}`)).toEqual([
    ':16: dest /f belongs to [target f] already',
  ]);
  expect(await mistakes(`[cluster c]\nuniqsign=c\nmembers=10.0.21.6:3308, x:1\n[target f]${file}`)).toEqual([
    ':11: members 10.0.21.6:3308 belongs to [cluster b] already',
  ]);
});

test('a sidecar without clusters or targets would do nothing and is refused', async () => {
  const file = await writeConfig(
    'mmm-sidecar.conf',
    '[redis]\nhost=a:1\n[sidecar]\nsettle_min=1\n[clustr x]\n',
  );
  expect(await mistakesOf(loadSidecarConfig(file), file)).toEqual([
    ':4: settle_min is not supported yet',
    ': names no cluster: add a section [cluster TAG]',
    ': names no target: add a section [target NAME]',
  ]);
});
