/** What an SMTP server refuses, and why it could not be asked, in words. */

export interface Refusal {
  readonly to: string;
  readonly why: string;
  readonly forNow: boolean;
}

/** Receivers that were refused while others were not. 4yz is for now, such as greylisting. */
export function refusalsOf(
  errors: readonly {
    readonly recipient?: string | undefined;
    readonly responseCode?: number | undefined;
  }[] = [],
): readonly Refusal[] {
  return errors.map((error) => ({
    to: error.recipient ?? '',
    why: answerOf(error),
    forNow: (error.responseCode ?? 500) < 500,
  }));
}

/** 5yz. When all receivers are refused, and one of them for now, the error is that one's. */
export function isPermanent(error: unknown): boolean {
  const code =
    typeof error === 'object' && error !== null && 'responseCode' in error ? error.responseCode : 0;
  return typeof code === 'number' && code >= 500;
}

/** What happened and what to do next. */
export function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('ECONNREFUSED'))
    return 'nobody listens there; is it running, and is email_server right?';
  if (code === 'EDNS' || message.includes('ENOTFOUND'))
    return 'its name is not known; is email_server right?';
  if (code === 'ETIMEDOUT') return 'no answer in time; is it running, and may this host reach it?';
  if (code === 'EENVELOPE' || code === 'EMESSAGE')
    return `refused: ${answerOf(error)}; are email_sender and email_receiver right, and may this host send there?`;
  return `${line(message)}; is it a mail server, and does it work?`;
}

function answerOf(error: unknown): string {
  const response = typeof error === 'object' && error !== null && 'response' in error ? error.response : '';
  return typeof response === 'string' && response !== '' ? line(response) : line(String(error));
}

function line(text: string): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 300);
}
