/** A mail server on loopback that keeps what it is given. */
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** The message as it came over the wire, lines ended by \n. */
  readonly raw: string;
  readonly subject: string;
  /** Lines of the body. */
  readonly body: readonly string[];
  readonly encrypted: boolean;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: readonly Mail[];
  /** Clients that have connected so far. */
  connections(): number;
}

export interface MailServerOptions extends Pick<SMTPServerOptions, 'onRcptTo'> {
  /** Offers STARTTLS, with a self-signed certificate. */
  readonly starttls?: boolean;
  /** Takes connections and stops answering: before the greeting, or once the message has come. */
  readonly hangs?: 'greeting' | 'data';
  /** How long it looks into a message before it takes it. */
  readonly takesMs?: number;
  /** Default: a free one. */
  readonly port?: number;
  /** What it says to a message instead of taking it. */
  readonly refuses?: string;
  /** TLS options that make every handshake fail. */
  readonly brokenTls?: boolean;
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const mails: Mail[] = [];
  let connections = 0;
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    disabledCommands: options.starttls === true ? ['AUTH'] : ['AUTH', 'STARTTLS'],
    ...(options.brokenTls === true && { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }),
    ...(options.onRcptTo !== undefined && { onRcptTo: options.onRcptTo }),
    onConnect(_session, callback) {
      connections += 1;
      if (options.hangs !== 'greeting') callback();
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (options.hangs === 'data') return;
        if (options.refuses !== undefined) return callback(new Error(options.refuses));
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        const to = rcptTo.map(({ address }) => address);
        mails.push({ from, to, ...parse(Buffer.concat(chunks).toString()), encrypted: session.secure });
        setTimeout(callback, options.takesMs ?? 0);
      });
    },
  });
  // Clients that go away in the middle are what some tests are about.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    connections: () => connections,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function parse(message: string): Pick<Mail, 'raw' | 'subject' | 'body'> {
  const raw = message.replaceAll('\r\n', '\n');
  const [head = '', ...body] = raw.split('\n\n');
  const subject = /^Subject: (.*)$/m.exec(head)?.[1] ?? '';
  return { raw, subject, body: body.join('\n\n').split('\n') };
}
