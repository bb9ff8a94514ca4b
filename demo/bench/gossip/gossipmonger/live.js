// live.js is one node of gossipmonger in real time, on its own TCP transport; the
// Go package live says what it is told and what it writes.
'use strict';

const readline = require('readline');
const journal = require('./journal.js');
const { Member } = require('./member.js');

journal.unbuffered();
let member = null;

function obey(order) {
  if (member === null) {
    const placeOf = (index) => ({ id: `n${index}`, transport: { host: '127.0.0.1', port: order.ports[index] } });
    member = new Member(order.index, undefined, placeOf);
  } else if (order.do === 'set') {
    member.set(order.key, order.value);
  } else if (order.do === 'mark') {
    journal.cost();
  }
}

readline.createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => process.exit(0));
