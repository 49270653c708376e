import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

/** Why the unix socket at `path` does not let this program in, and what to do: it names the socket's group. */
export function whyNoAccess(path: string): string {
  const who = whoAmI();
  try {
    const found = statSync(path);
    const group = nameOf('/etc/group', found.gid);
    const owner = nameOf('/etc/passwd', found.uid);
    const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
    const mayGroup = (found.mode & 0o060) === 0o060;
    const join = `add ${who} to the group ${group} (usermod -aG ${group} ${who}) and restart this program`;
    const widen = `let its "stats socket" line in haproxy say: user ${owner} group ${group} mode 660`;
    return `permission denied for ${who}: it belongs to ${owner}, group ${group}, mode ${mode}; ${mayGroup ? join : `${widen}, and ${join}`}`;
  } catch {
    const folder = closedFolder(path);
    return `permission denied for ${who}: it may not enter ${folder}; let it in (chmod g+x, usermod -aG), or move the socket`;
  }
}

/** The topmost folder that keeps us from even seeing the socket. */
function closedFolder(path: string): string {
  const folder = dirname(path);
  try {
    statSync(folder);
    return folder;
  } catch {
    return folder === '/' ? folder : closedFolder(folder);
  }
}

function whoAmI(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}

/** The name that `file` (passwd or group) gives the number; the number itself when it has none. */
function nameOf(file: string, id: number): string {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(id));
    return line?.split(':')[0] ?? String(id);
  } catch {
    return String(id);
  }
}
