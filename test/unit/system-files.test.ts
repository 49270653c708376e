/** The files for systemd and logrotate in `examples` fit the programs and their defaults. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadMmmConfig } from '../../src/config/mmm.ts';
import { complaintsAbout } from '../support/command-lines.ts';

const run = promisify(execFile);
const EXAMPLES = join(import.meta.dirname, '../../examples');
const read = (path: string) => readFileSync(join(EXAMPLES, path), 'utf8');
const units = readdirSync(join(EXAMPLES, 'systemd'));

describe.each(units)('examples/systemd/%s', (file) => {
  const text = read(`systemd/${file}`);
  const program = file.replace(/@?\.service$/, '');
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];

  it('starts its program with flags that exist, and the default file', () => {
    const command = value('ExecStart') ?? '';
    expect(command.split(' ')[0]).toBe(program);
    expect(complaintsAbout(command)).toEqual([]);
    const conf = program === 'mmm-agent' || program === 'mmm-sidecar' ? `${program}.conf` : 'mmm.conf';
    expect(command).toContain(`--conf /etc/mmm-manager/${conf}`);
  });

  it('is started at boot and again whenever it ends, reloaded by HUP, and never killed to stop it', () => {
    expect(value('WantedBy')).toBe('multi-user.target');
    expect(value('Restart')).toBe('always');
    expect(value('StartLimitIntervalSec')).toBe('0');
    expect(value('ExecReload')).toBe('/bin/kill -HUP $MAINPID');
    expect(value('ExecStop')).toBeUndefined();
  });

  it('does not share its state with another instance', () => {
    if (!file.includes('@')) return;
    expect(value('ExecStart')).toMatch(/ --tag %i$/);
    expect(value('StateDirectory')).toBe('mmm-manager/%i');
    expect(value('Conflicts')).toBe(`${program}.service`);
  });

  it('is understood by systemd', async (context) => {
    const analyze = '/usr/bin/systemd-analyze';
    if (!existsSync(analyze)) return context.skip('systemd-analyze is not installed');
    const dir = mkdtempSync(join(tmpdir(), 'mmm-units-'));
    try {
      // Programs that are not installed here would be all that it complains about.
      writeFileSync(join(dir, file), text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
      const { stdout, stderr } = await run(analyze, ['verify', '--man=no', join(dir, file)]);
      const about = `${stdout}${stderr}`
        .split('\n')
        .filter((line) => line.includes(basename(file, '.service')));
      expect(about).toEqual([]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('folders and files', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('the state directory is the default, or what systemd gives an instance', async () => {
    const conf = join(EXAMPLES, 'minimal/mmm.conf');
    vi.stubEnv('STATE_DIRECTORY', undefined);
    const { dir } = (await loadMmmConfig(conf)).state;
    expect(read('tmpfiles.d/mmm-manager.conf')).toMatch(
      new RegExp(`^d ${dir} +0700 mmm-manager mmm-manager`, 'm'),
    );
    expect(read('sysusers.d/mmm-manager.conf')).toContain(` ${dir} `);
    vi.stubEnv('STATE_DIRECTORY', `${dir}/mysql3308`);
    expect((await loadMmmConfig(conf)).state.dir).toBe(`${dir}/mysql3308`);
    vi.stubEnv('STATE_DIRECTORY', `${dir}/one:${dir}/two`);
    expect((await loadMmmConfig(conf)).state.dir).toBe(`${dir}/one`);
  });

  it('every log file of the examples is in a folder that is made, and is rotated', () => {
    const files = ['mmm.conf', 'mmm-agent.conf', 'mmm-sidecar.conf'].flatMap((file) =>
      [...read(file).matchAll(/logfile=(\S+)/g)].map(([, path = '']) => path),
    );
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((path) => !/^\/var\/log\/mmm-manager\/[^/]+\.log$/.test(path))).toEqual([]);
    expect(read('logrotate.d/mmm-manager')).toMatch(/^\/var\/log\/mmm-manager\/\*\.log \{$/m);
    expect(read('tmpfiles.d/mmm-manager.conf')).toMatch(/^d \/var\/log\/mmm-manager +0750 mmm-manager/m);
  });

  it('every configuration file that a unit names gets its owner and mode', () => {
    const tmpfiles = read('tmpfiles.d/mmm-manager.conf');
    for (const unit of units) {
      const [, conf = ''] = / --conf (\S+)/.exec(read(`systemd/${unit}`)) ?? [];
      const user = /^User=(.*)$/m.exec(read(`systemd/${unit}`))?.[1] ?? 'root';
      // The daemon reads its passwords and cannot change them.
      const owner = user === 'root' ? '0600 root +root' : `0640 root +${user}`;
      expect(tmpfiles).toMatch(new RegExp(`^z ${conf} +${owner} `, 'm'));
    }
  });

  it('logrotate reloads every unit', () => {
    const rotate = read('logrotate.d/mmm-manager');
    const [, patterns = ''] = /systemctl reload (.*?) 2>/.exec(rotate) ?? [];
    const all = patterns
      .split(' ')
      .map((word) => word.replaceAll("'", '').replace('.', '\\.').replace('*', '.*'));
    for (const unit of units) {
      const name = unit.replace('@', '@mysql3308');
      expect(
        all.some((pattern) => new RegExp(`^${pattern}$`).test(name)),
        name,
      ).toBe(true);
    }
  });
});
