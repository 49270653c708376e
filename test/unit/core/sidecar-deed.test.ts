import { expect, test } from 'vitest';
import { deedOf, type TargetState } from '../../../src/core/sidecar-deed.ts';
import { sidecarReport } from '../../../src/core/sidecar-report.ts';
import { aTopology } from '../../support/documents.ts';

test('a router that is not running is told, although there is nothing to be done', () => {
  const telling = { id: 's', serves: [], floor: 42, leaving: false, seq: 1, refused: '', tookMs: 5 };
  const state = a({ route: 'nobody', routeDetail: 'haproxy is not running', file: 'written' });
  const report = sidecarReport(aTopology(), { ...telling, did: 'routed' }, [state]);
  expect(report).toMatchObject({ did: 'routed', detail: expect.stringContaining('haproxy is not running') });
});

test('a cut is claimed only when every router is proven cut or not running', () => {
  expect(deedOf('closing', [a({ route: 'done' }), a({ route: 'nobody' })])).toBe('cut');
  expect(deedOf('closing', [a({ route: 'done' }), a({ route: 'busy' })])).toBe('watching');
  expect(deedOf('closing', [a({ route: 'done' }), a({ route: 'failed' })])).toBe('failed');
});

test('a router without a socket cannot be cut, and says so', () => {
  expect(deedOf('closing', [a({ route: 'unable' })])).toBe('failed');
});

test('a sidecar that only writes files never claims a cut', () => {
  expect(deedOf('closing', [a({ route: 'none' })])).toBe('watching');
  expect(deedOf('closing', [])).toBe('watching');
});

test('files follow after the routers and do not hold back what is routed', () => {
  expect(deedOf('stable', [a({ route: 'done' }), a({ route: 'none', file: 'waiting' })])).toBe('routed');
  expect(deedOf('stable', [a({ route: 'done', file: 'failed' })])).toBe('routed');
});

test('where no running router can be asked the written file counts', () => {
  for (const route of ['nobody', 'unable', 'none'] as const) {
    expect(deedOf('stable', [a({ route, file: 'waiting' })])).toBe('watching');
    expect(deedOf('stable', [a({ route, file: 'written' })])).toBe('routed');
    expect(deedOf('stable', [a({ route, file: 'failed' })])).toBe('failed');
  }
});

test('one router that fails spoils the claim', () => {
  expect(deedOf('stable', [a({ route: 'done' }), a({ route: 'failed' })])).toBe('failed');
  expect(deedOf('stable', [a({ route: 'lacking' })])).toBe('failed');
});

function a(over: Partial<TargetState>): TargetState {
  return {
    name: 'haproxy',
    route: 'busy',
    file: 'waiting',
    down: false,
    routeDetail: '',
    fileDetail: '',
    tookMs: 0,
    ...over,
  };
}
