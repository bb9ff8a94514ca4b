// world.js plays a plan (standard input) with the original gossipmonger, as npm
// has it, and writes its journal (standard output). Its module net, its clock
// and its dice are the world's; nothing else is touched.
'use strict';

const fs = require('fs');
const Module = require('module');
const clock = require('./clock.js');
const journal = require('./journal.js');
const { Network, moduleFor } = require('./net.js');

const plan = JSON.parse(fs.readFileSync(0, 'utf8'));
clock.install(Number(plan.seed) * 7919 + plan.nodes);
const network = new Network(plan.latency, plan.loss, Number(plan.seed));

const load = Module._load;
const simulated = moduleFor(network);
Module._load = (name, ...rest) => (name === 'net' ? simulated : load(name, ...rest));

const { Member } = require('./member.js');
const { attack } = require('./hostile.js');

const lives = new Map(); // index -> Member, the running nodes
const disks = new Map(); // index -> what a node leaves behind when it crashes

const all = (except, holds) => [...lives.values()].every((m) => m.index === except || holds(m));
const knowsAll = (m) => [...lives.keys()].every((peer) => peer === m.index || m.live.get(peer));

function start(step) {
  const disk = step.fresh ? undefined : disks.get(step.node);
  lives.set(step.node, new Member(step.node, disk));
}

function crash(index) {
  const member = lives.get(index);
  lives.delete(index);
  disks.set(index, member.disk());
  network.unplug(index);
  member.over = true;
}

function mark() {
  for (const member of lives.values()) {
    journal.write({ e: 'count', n: member.index, ...network.count(member.index), known: member.known() });
  }
  journal.cost();
}

function play(step) {
  const { node } = step;
  switch (step.do) {
    case 'start': return start(step);
    case 'crash': return crash(node);
    case 'leave':
      journal.write({ e: 'skip', n: 0, v: 'gossipmonger has no leave: the node just stops' });
      return crash(node);
    case 'set': return lives.get(node).set(step.key, step.value);
    case 'pause': return network.pause(node, step.for);
    case 'cut': return network.cut(step.side);
    case 'heal': return network.heal();
    case 'mark': return mark();
    case 'attack': {
      const skipped = attack(step, plan.nodes, network, lives);
      return skipped && journal.write({ e: 'skip', n: 0, v: skipped });
    }
    case 'awaitall': return () => all(-1, knowsAll);
    case 'awaitdead': return () => all(node, (m) => !m.live.get(node));
    case 'awaitlive': return () => all(node, (m) => m.live.get(node));
    case 'awaitset': return () => all(node, (m) => m.values.get(`${node} ${step.key}`) === step.value);
    default: throw new Error(`no such action: ${step.do}`);
  }
}

// pass lets time go by, for a given length or until a condition holds.
function pass(length, holds) {
  let over = false;
  clock.after(length, () => { over = true; }, null);
  clock.run(() => over || (holds && holds()));
}

process.on('exit', journal.flush); // also when a message kills the process
plan.steps.forEach((step, i) => {
  if (step.after) pass(step.after);
  journal.write({ e: 'step', n: 0, i });
  const condition = play(step);
  if (typeof condition === 'function' && !condition()) pass(step.for, condition);
});
journal.write({ e: 'end', n: 0 });
