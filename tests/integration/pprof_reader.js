// Reads a profile with the npm package pprof-format and prints it as JSON.
const fs = require("fs");
const zlib = require("zlib");
const { Profile } = require("pprof-format");

const profile = Profile.decode(zlib.gunzipSync(fs.readFileSync(process.argv[2])));
const text = number => profile.stringTable.strings[Number(number)];
const type = value => [text(value.type), text(value.unit)];
const functions = new Map(profile.function.map(one => [Number(one.id), one]));
const locations = new Map(profile.location.map(one => [Number(one.id), one]));
const line = one => ({
  function: text(functions.get(Number(one.functionId)).name),
  file: text(functions.get(Number(one.functionId)).filename),
  line: Number(one.line),
});

console.log(JSON.stringify({
  types: profile.sampleType.map(type),
  period: [Number(profile.period), ...type(profile.periodType)],
  began: String(profile.timeNanos),
  duration: Number(profile.durationNanos),
  comments: profile.comment.map(text),
  mappings: profile.mapping.map(one => ({
    id: Number(one.id), start: Number(one.memoryStart), end: Number(one.memoryLimit), file: text(one.filename),
    build: text(one.buildId), functions: Boolean(one.hasFunctions), inlined: Boolean(one.hasInlineFrames),
  })),
  samples: profile.sample.map(one => ({
    values: one.value.map(Number),
    labels: Object.fromEntries(one.label.map(label => [text(label.key), text(label.str) || Number(label.num)])),
    stack: one.locationId.map(id => {
      const location = locations.get(Number(id));
      return { mapping: Number(location.mappingId), address: Number(location.address), lines: location.line.map(line) };
    }),
  })),
}));
