// A main thread in its event loop, a worker that runs an event loop, and one that waits in Atomics.wait.
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');

function knownWait() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

if (isMainThread) {
  let there = 0;
  for (const kind of ['loop', 'atomic'])
    new Worker(__filename, { workerData: kind }).on('message', () => {
      if (++there === 2)
        setTimeout(() => console.log('ready'), 300);
    });
  setInterval(() => {}, 3600000);
} else {
  parentPort.postMessage('there');
  if (workerData === 'loop')
    setInterval(() => {}, 3600000);
  else
    setTimeout(knownWait, 50);
}
