import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { endpoint } from '../core/address.ts';
import { RouteError } from '../errors.ts';

export interface Verification {
  /** Where the proxy listens, `host:port`. */
  readonly listen: string;
  /** An account that may only connect. */
  readonly user: string;
  readonly password: string;
  /** Who should answer. */
  readonly writer: string;
  /** Its server_id; empty when unknown. */
  readonly serverId: string;
  readonly timeoutMs: number;
}

/**
 * Connects through the proxy and asks who answers. Resolves `writer` when that is proven by server_id,
 * `writable` when the server is writable but its server_id is not known here. Rejects with RouteError.
 */
export async function verifyThrough(wanted: Verification): Promise<'writer' | 'writable'> {
  const row = await ask(wanted);
  const readOnly = String(row.read_only);
  const id = String(row.server_id);
  if (wanted.serverId !== '' && id !== wanted.serverId) {
    throw new RouteError(
      `${wanted.listen} leads to the server with server_id ${id}, not to ${wanted.writer} (${wanted.serverId})`,
    );
  }
  if (readOnly !== '0' && readOnly !== 'OFF') {
    throw new RouteError(`${wanted.listen} leads to a server that is read-only (read_only is ${readOnly})`);
  }
  return wanted.serverId === '' ? 'writable' : 'writer';
}

async function ask(wanted: Verification): Promise<RowDataPacket> {
  const { host, port } = endpoint(wanted.listen);
  const open = createConnection({
    host,
    port,
    user: wanted.user,
    password: wanted.password,
    connectTimeout: wanted.timeoutMs,
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${wanted.timeoutMs} ms`)), wanted.timeoutMs);
  });
  try {
    const connection = await Promise.race([open, late]);
    // Without a listener a connection that breaks later would end the process.
    connection.on('error', () => undefined);
    const sql = 'SELECT @@server_id AS server_id, @@global.read_only AS read_only';
    const [rows] = await Promise.race([connection.query<RowDataPacket[]>(sql), late]);
    if (rows[0] === undefined) throw new Error('no row');
    return rows[0];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RouteError(
      `the writer cannot be verified through ${wanted.listen} as ${wanted.user}: ${reason}`,
      {
        cause: error,
      },
    );
  } finally {
    clearTimeout(timer);
    open.then(
      (connection) => connection.destroy(),
      () => undefined,
    );
  }
}
