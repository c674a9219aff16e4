// How many objects of each class others find in a .heapsnapshot: heapsnapshot_reader.js PACKAGE FILE CLASS...
const fs = require('fs');
const path = require('path');
const [name, file, ...classes] = process.argv.slice(2);
const packages = require('module').createRequire(path.join(__dirname, '..', 'package.json'));

function print(nodes) {
  const counts = Object.fromEntries(classes.map(one => [one, 0]));
  let bytes = 0, count = 0;
  nodes(node => {
    count++;
    bytes += node.self_size;
    if (node.type === 'object' && node.name in counts)
      counts[node.name]++;
  });
  console.log(JSON.stringify({ ...counts, count, bytes }));
}

if (name === 'heapsnapshot-parser') {
  const snapshot = packages(name).parse(fs.readFileSync(file, 'utf-8'));
  print(take => snapshot.nodes.forEach(node => take({ type: node.type, name: node.name, self_size: node.self_size })));
} else {
  packages(name).getFullHeapFromFile(file).then(heap => print(take => heap.nodes.forEach(take)));
}
