// A heap of some 200 MiB, which at SIGUSR2 is written to the file of the first argument by Node's own means; says how many seconds that took.
const v8 = require('v8');
class Known { constructor(i) { this.i = i; this.name = `known ${i}`; this.list = [i, i + 1]; } }
globalThis.kept = Array.from({ length: 1_300_000 }, (_, i) => new Known(i));
process.on('SIGUSR2', () => {
  const begun = performance.now();
  v8.writeHeapSnapshot(process.argv[2]);
  console.log((performance.now() - begun) / 1000);
});
setInterval(() => {}, 1000);
console.log('ready');
