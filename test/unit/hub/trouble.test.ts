import { expect, test } from 'vitest';
import { hubError } from '../../../src/hub/trouble.ts';

const TARGET = { host: '10.0.21.17', port: 6379, username: 'mmm', topic: 'mmm-switch-channel' };

/** What Redis, the client or the system say, and what a person is told after `Redis at 10.0.21.17:6379`. */
const CASES: readonly (readonly [said: string, told: string])[] = [
  ['NOAUTH Authentication required.', ' asks for a password: set [redis] password or password_file'],
  [
    'WRONGPASS invalid username-password pair or user is disabled.',
    ' refuses user "mmm" with this password: correct [redis] username and password',
  ],
  [
    "NOPERM this user has no permissions to run the 'evalsha' command",
    ` does not permit this to user "mmm": NOPERM this user has no permissions to run the 'evalsha' command; run there: ACL SETUSER mmm +@read +@write +@pubsub +@scripting +@transaction +@connection -@dangerous +info +time`,
  ],
  [
    'NOPERM No permissions to access a key',
    ' does not permit this to user "mmm": NOPERM No permissions to access a key; run there: ACL SETUSER mmm ~mysql-*',
  ],
  [
    `ERR The user executing the script can't publish to the channel mentioned in the command script: ${'a'.repeat(40)}, on @user_script:70.`,
    ` does not permit this to user "mmm": ERR The user executing the script can't publish to the channel mentioned in the command; run there: ACL SETUSER mmm &mysql-* &mmm-switch-channel`,
  ],
  ['ERR DB index is out of range', ' has no such database: correct [redis] db'],
  [
    "ERR Error running script: @user_script: 12: -READONLY You can't write against a read only replica.",
    ' is a read-only replica: [redis] host must name the primary',
  ],
  [
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ' is a replica that has lost its primary: [redis] host must name the primary',
  ],
  ['LOADING Redis is loading the dataset in memory', ' is still loading its data: wait'],
  [
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    ' refuses to write because it cannot save to its own disk: see its log and make room there, or CONFIG SET stop-writes-on-bgsave-error no',
  ],
  [
    "OOM command not allowed when used memory > 'maxmemory'. script: x",
    ' refuses to write because its memory is full: raise its maxmemory, or find what fills it',
  ],
  [
    'NOREPLICAS Not enough good replicas to write.',
    ' refuses to write because it has too few replicas: see its min-replicas-to-write',
  ],
  [
    'DENIED Redis is running in protected mode because protected mode is enabled',
    ' is in protected mode and takes nobody from another host: give it a password (requirepass) and set [redis] password, or set its protected-mode to no',
  ],
  [
    'MOVED 7365 10.0.21.18:6379',
    ' is part of a Redis cluster, which is not supported: [redis] host must name a Redis that stands alone',
  ],
  ['ERR max number of clients reached', ' takes no more clients: raise its maxclients'],
  ['BUSY Redis is busy running a script.', ' is held up by a script of somebody: run there SCRIPT KILL'],
  [
    "ERR unknown command 'evalsha'",
    " lacks a command: ERR unknown command 'evalsha'; it must be Redis 6 or later, and the command not renamed",
  ],
  [
    'Unknown RESP type 72 "H". Please report this.',
    ': who answers there does not speak as Redis does; correct [redis] host',
  ],
  ['connect ECONNREFUSED 10.0.21.17:6379', ': nobody listens there; start Redis or correct [redis] host'],
  ['getaddrinfo ENOTFOUND redis', ': this host name is not known; correct [redis] host'],
  ['Command timed out', ' did not answer within 400 ms: is it frozen, overloaded, or behind a firewall?'],
  [
    'connect EHOSTUNREACH 10.0.21.17:6379',
    ' cannot be reached in time; check the network or correct [redis] host',
  ],
  [
    'Connection is closed.',
    ': the connection was lost; is Redis restarting, in protected mode (it needs a password then), or does it want TLS? Then set [redis] tls_ca',
  ],
  ['ERR something\n  new', ': ERR something new'],
];

test.for(CASES)('%s', ([said, told]) => {
  expect(hubError(new Error(said), TARGET).message).toBe(`Redis at 10.0.21.17:6379${told}`);
});

test('without a username the default user is meant', () => {
  const said = (text: string): string => hubError(new Error(text), { host: 'r', port: 1 }).message;
  expect(said('WRONGPASS no')).toBe(
    'Redis at r:1 refuses the password of the default user: correct [redis] password',
  );
  expect(said('NOPERM no keys')).toMatch(
    /the default user: NOPERM no keys; run there: ACL SETUSER default ~mysql-\*$/,
  );
});
