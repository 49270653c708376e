/** The script of the compose example that fills a server anew, with a docker that fails when it is told to. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../examples/compose/rebuild.sh');
const NOTE = 'still paused: docker compose exec mmm-identify mmm-control resume';

test.each([
  ['nothing', 0, ''],
  ['mmm-control pause', 1, ''],
  ['mariadb-dump', 1, NOTE],
  ['mariadb -uroot', 1, NOTE],
  ['mmm-control resume', 1, NOTE],
])(
  'when %s fails, the script says whether the cluster is still paused',
  async (failing, exitCode, stderr) => {
    expect(await rebuild(failing)).toMatchObject({ exitCode, stderr });
  },
);

async function rebuild(failing: string) {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-rebuild-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const docker = `#!/bin/sh
case "$*" in *"${failing}"*) exit 1;; esac
case "$*" in
  *mariadb-dump*) echo "-- SET GLOBAL gtid_slave_pos='0-1-7';";;
  *' sh -c '*'mariadb -uroot') cat >/dev/null;;
esac
`;
  await writeFile(join(folder, 'docker'), docker);
  await chmod(join(folder, 'docker'), 0o755);
  const env = { PATH: `${folder}:${process.env.PATH}` };
  return await execa('sh', [SCRIPT, 'db-a', 'db-b'], { env, reject: false, timeout: 8000 });
}
