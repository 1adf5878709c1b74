// Certificates: keys and key-admin.

import { keyAdmin, keys } from "wasmpuck";

const KINDS = { "key-id": "keyId" };

function summarize(fingerprint) {
  const found = keys.summarize(fingerprint);
  if (found === null) return null;
  const { userIds, ...rest } = found;
  return { ...rest, "user-ids": userIds.map(({ text, email, revoked }) => [text, email, revoked]) };
}

export const functions = {
  keys: {
    search: (kind, text) => keys.search({ [KINDS[kind] ?? kind]: text }).fingerprints,
    summarize,
    armored: keys.armored,
    changes: (cursor, limit) => keys.changes(cursor, limit).fingerprints,
    count: keys.count,
  },
  "key-admin": {
    submit: keyAdmin.submit,
    replace: keyAdmin.replace,
    delete: keyAdmin.delete,
    quarantine: keyAdmin.quarantine,
    release: keyAdmin.release,
    "list-quarantine": () => keyAdmin.listQuarantine().entries.map(({ fingerprint, source, reason, at }) => [fingerprint, source, reason, at]),
  },
};
