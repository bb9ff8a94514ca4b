// hostile.js: the hostile suite against gossipmonger. The attacker only needs
// what everybody has: a connection and the form of the messages.
'use strict';

const { place } = require('./member.js');

const FAR_AHEAD = 1e15; // a version that no honest node reaches

// What nine kinds of broken messages look like.
const malformed = [
  '{"deltas":1,"sender":{"id":"x"}}',
  '{"deltas":[["n0","k","v",1]]}',
  '{"digest":[{"id":"n0","maxVersionSeen":0}]}',
  '{"deltas":[null],"sender":{"id":"x"}}',
  '{"deltas":[7],"sender":{"id":"x"}}',
  '{"digest":[null],"sender":{"id":"x"}}',
  '{"digest":{"length":3},"sender":{"id":"x"}}',
  '{"digest":[],"sender":{"id":"__proto__"}}',
  '{"deltas":[["constructor","k","v",1]],"sender":{"id":"x"}}',
  'null',
];

// attack plays one probe; it returns why not, if the probe means nothing here.
function attack(step, nodes, network, lives) {
  const self = place(nodes);
  const victim = `n${step.node}`;
  const others = [...lives.keys()].filter((index) => index !== step.node);
  const target = others[0];

  const send = (to, text) => {
    const server = network.servers.get(to);
    network.carry(nodes, to, text, () => server.deliver(text));
  };
  const say = (to, what) => send(to, JSON.stringify({ ...what, sender: self }) + '\r\n');
  const invent = (count) => Array.from({ length: count }, (_, i) => ({ id: `ghost${i}`, maxVersionSeen: 1, transport: { host: `ghost${i}`, port: 1 } }));

  switch (step.name) {
    case 'ghost':
      return say(target, { digest: invent(1) });
    case 'forge':
      return say(target, { deltas: [[victim, step.key, step.value, FAR_AHEAD]] });
    case 'malformed':
      return malformed.forEach((text) => send(target, text));
    case 'flood':
      return say(target, { digest: invent(step.count) });
    case 'future':
      return say(target, { deltas: [[victim, 'future', step.value, FAR_AHEAD]] });
    case 'omission': {
      const member = lives.get(step.node);
      member.set('omitted', '1.');
      member.set('relayed', '2.');
      const version = member.gossip.localPeer.maxVersionSeen;
      return others.forEach((to) => say(to, { deltas: [[victim, 'relayed', '2.', version]] }));
    }
    default:
      return `gossipmonger is not asked for ${step.name}`;
  }
}

module.exports = { attack };
