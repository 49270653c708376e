/** A certificate authority for tests, made by openssl. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempDir } from './processes.ts';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends AsyncDisposable {
  /** Path of its own certificate. */
  readonly ca: string;
  /** A certificate for `names`, such as `DNS:redis.example` or `IP:127.0.0.1`. */
  issue(names: string, days?: number): Promise<Certificate>;
}

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function startAuthority(name: string): Promise<Authority> {
  const dir = await tempDir('ca');
  const at = (file: string) => join(dir.path, file);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir.path, timeout: 10_000 });
  const ca = at('ca.pem');
  const subject = ['-subj', `/CN=${name}`];
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', ca, ...subject, '-days', '2');
  let issued = 0;

  return {
    ca,
    async issue(names, days = 2) {
      issued += 1;
      const [key, cert, csr, ext] = [`${issued}.key`, `${issued}.pem`, `${issued}.csr`, `${issued}.ext`];
      await writeFile(at(ext), `subjectAltName=${names}\n`);
      await openssl('req', '-new', ...NEW_KEY, '-keyout', key, '-out', csr, '-subj', '/CN=redis');
      const signer = ['-CA', ca, '-CAkey', 'ca.key', '-set_serial', String(issued)];
      const life = ['-days', String(days)];
      await openssl('x509', '-req', '-in', csr, ...signer, '-out', cert, '-extfile', ext, ...life);
      return { cert: at(cert), key: at(key) };
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}
