// The models that `npm run models` checks, and what of each holds. A variant that does not hold is a negative control: a part of
// the protocol is left out by `-D`, and the checker has to find the error that this makes possible.

/** @type {readonly import('../scripts/models.js').Model[]} */
export const models = [
  {
    file: 'handshake.pml',
    variants: [
      { name: 'both sides are authenticated; nothing is reflected, replayed or downgraded', holds: true },
      { name: 'on a local socket no other user can relay', define: ['LOCAL'], holds: true },
      { name: 'an honest run comes to its end', define: ['NEVER_BELIEVES'], holds: false },
      { name: 'proofs without the role', define: ['WITHOUT_ROLE'], holds: false },
      { name: "proofs without the listener's nonce", define: ['WITHOUT_LISTENER_NONCE'], holds: false },
      { name: "proofs without the client's nonce", define: ['WITHOUT_CLIENT_NONCE'], holds: false },
      { name: 'proofs and tags without the purpose', define: ['WITHOUT_PURPOSE'], holds: false },
      { name: "a listener's challenge that does not show its maker", define: ['WITHOUT_LISTENER_TAG'], holds: false },
      { name: "a client's challenge that does not show its maker", define: ['WITHOUT_CLIENT_TAG'], holds: false },
      { name: 'claims that no proof binds', define: ['LOCAL', 'WITHOUT_CLAIM'], holds: false },
      { name: 'a CPython program with the key (what remains)', define: ['PYTHON_PEER'], holds: false },
    ],
  },
];
