// member.js: one node of gossipmonger, and what it believes.
'use strict';

const Gossipmonger = require('gossipmonger');
const TcpTransport = require('gossipmonger-tcp-transport');
const clock = require('./clock.js');
const journal = require('./journal.js');

// place is where a node is in a world.
const place = (index) => ({ id: `n${index}`, transport: { host: `n${index}`, port: 9742 } });

// indexOf is a node's number; a peer that nobody runs has one that no node has.
function indexOf(id) {
  const name = /^n(\d+)$/.exec(String(id));
  return name ? Number(name[1]) : 1e9;
}

class Member {
  // disk is what a former life left: the options that gossipmonger offers to
  // begin with. placeOf tells where nodes are.
  constructor(index, disk, placeOf = place) {
    this.index = index;
    this.placeOf = placeOf;
    this.over = false;
    this.live = new Map(); // peer's index -> whether it is taken for live
    this.values = new Map(); // 'peer key' -> value
    clock.as(this, () => this.begin(disk));
  }

  begin(disk) {
    const { id, transport } = this.placeOf(this.index);
    const seeds = this.index === 0 ? [] : [this.placeOf(0)];
    this.gossip = new Gossipmonger({ id, transport, ...disk }, { seeds, transport: TcpTransport.listen(transport) });
    this.gossip.on('error', () => {});
    this.gossip.on('new peer', (peer) => this.believe(peer.id, true));
    this.gossip.on('peer live', (peer) => this.believe(peer.id, true));
    this.gossip.on('peer dead', (peer) => this.believe(peer.id, false));
    this.gossip.on('update', (id, key, value) => this.see(id, key, value));
    this.gossip.gossip();
  }

  believe(id, live) {
    const peer = indexOf(id);
    if (peer === this.index || this.live.get(peer) === live) return;
    this.live.set(peer, live);
    journal.write({ e: live ? 'live' : 'dead', n: this.index, s: peer });
  }

  see(id, key, value) {
    const peer = indexOf(id);
    this.values.set(`${peer} ${key}`, value);
    journal.write({ e: 'value', n: this.index, s: peer, k: key, v: String(value).replace(/x+$/, '') });
  }

  set(key, value) {
    clock.as(this, () => this.gossip.update(key, value));
  }

  disk() {
    const { data, maxVersionSeen } = this.gossip.localPeer;
    return { data: JSON.parse(JSON.stringify(data)), maxVersionSeen };
  }

  known() {
    return Object.keys(this.gossip.storage.storage).length;
  }
}

module.exports = { Member, place };
