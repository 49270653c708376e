/** Keys that have a meaning in the design but no code behind them: accepting one would be a false promise. */
export const NOT_YET: ReadonlySet<string> = new Set([
  ...['replicas', 'stuck', 'probe_table'],
  ...['ssl_ca', 'ssl_cert', 'ssl_key', 'ssl_verify'],
  ...['sentinels', 'sentinel_name', 'repl_user', 'repl_password', 'repl_password_file'],
  ...['settle_min', 'settle_max', 'drift', 'http_listen', 'master_socket', 'after'],
  ...['writer_name', 'reader_name', 'server', 'zone', 'ttl', 'key_file', 'command'],
]);
