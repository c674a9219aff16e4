// A heap whose contents are known, and a loop that beats. Arguments: how many objects of class Known, and what else it does.
const { Worker, isMainThread } = require('worker_threads');

class Known { constructor(i) { this.i = i; } }
class Link { constructor(next) { this.next = next; } }
class Entry { constructor(i) { this.i = i; } }
class Garbage { constructor(i) { this.i = i; } }
class OfWorker { constructor(i) { this.i = i; } }

const [count, mode] = [Number(process.argv[2]), process.argv[3]];
const sleep = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const spin = ms => { for (const end = process.hrtime.bigint() + BigInt(ms) * 1000000n; process.hrtime.bigint() < end;); };

if (!isMainThread) {
  globalThis.kept = Array.from({ length: 1000 }, (_, i) => new OfWorker(i));
  setInterval(() => {}, 1000);
  if (mode === 'hostile') { // hides by what guards could find each other
    const fs = require('fs');
    let moved = 0;
    setInterval(() => {
      for (const name of fs.readdirSync('/tmp').filter(name => name.startsWith(`.procscope_heap_pid${process.pid}_`)))
        fs.renameSync(`/tmp/${name}`, `/tmp/moved_${process.pid}_${++moved}`);
    }, 1);
  }
} else {
  globalThis.kept = Array.from({ length: count }, (_, i) => new Known(i));
  for (let i = 0; i < 4321; i++)
    globalThis.chain = new Link(globalThis.chain);
  globalThis.map = new Map(Array.from({ length: 4321 }, (_, i) => [`key ${i}`, new Entry(i)]));
  globalThis.filling = 'filling '.repeat(1000).split('').map((letter, i) => letter + i);
  Array.from({ length: 777 }, (_, i) => new Garbage(i));
  if (mode === 'worker')
    new Worker(__filename, { argv: process.argv.slice(2) });
  if (mode === 'handler')
    process.on('SIGUSR1', () => console.log('SIGUSR1'));
  if (mode === 'mute')
    process.on('SIGUSR1', () => require('net').createServer(() => {}).listen(0, '127.0.0.1'));
  if (mode === 'fickle')
    process.on('SIGUSR1', () => {});
  if (mode === 'hostile') { // never gets round to it
    process.on('SIGUSR1', () => {});
    new Worker(__filename, { argv: process.argv.slice(2) });
    setTimeout(() => spin(3600000), 500);
  }
  if (mode === 'busy')
    setInterval(() => spin(30), 40);
  process.on('uncaughtException', error => console.log('uncaught', error));
  process.on('SIGUSR2', () => {});
  const listening = () => process.eventNames().map(name => `${String(name)}${process.listenerCount(name)}`).sort().join();
  let before, beat = 0; // Node itself listens to some once a module runs
  setInterval(() => console.log(listening() === (before ??= listening()) ? ++beat : listening()), 20);
  if (mode === 'sleeps')
    setTimeout(() => sleep(8000), 500);
  if (mode === 'fickle')
    setTimeout(() => { console.log('waits'); sleep(6000); process.removeAllListeners('SIGUSR1'); before = undefined; }, 500);
  if (mode === 'spins')
    setTimeout(() => spin(8000), 500);
  console.log('ready');
}
