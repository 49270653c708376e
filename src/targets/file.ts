import { type TargetKind, textComplaints } from './target.ts';

/** Any text file: template, dest, check_cmd, reload_cmd. */
export const file: TargetKind = {
  kind: 'file',
  routes: false,
  template: null,
  includes: [],
  drift: 'alert',
  complaints: textComplaints,
  servers: () => [],
  sameForm: () => false,
  turned: () => null,
};
