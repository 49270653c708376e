/** What the system says when a file, a folder or a socket cannot be used, in words that people know. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'somebody else uses it',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a file of that name stands in the way',
  EFBIG: 'the file may not grow further',
  EIO: 'the disk fails',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file stands where a folder is wanted',
  ENXIO: 'nobody reads from it',
  EPERM: 'the operation is not permitted',
  EPIPE: 'nobody reads from it any more',
  EROFS: 'the file system is read-only',
};

/** The code of a system error; empty when it has none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Such as `permission denied (EACCES)`; the error's own message when its code is none of the usual. */
export function errnoWords(error: unknown): string {
  const code = errnoOf(error);
  const words = WORDS[code];
  if (words !== undefined) return `${words} (${code})`;
  return error instanceof Error ? error.message : String(error);
}
