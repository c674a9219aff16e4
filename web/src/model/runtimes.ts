/** What differs between runtimes in how their heaps are told about. */

export interface HeapForm {
  /** Whether objects that nothing reaches any more can be had, too. */
  hasAll: boolean;
  /** The heap as a file for other programs. */
  route: string;
  query: Record<string, string>;
  ending: string;
  readers: string;
  /** What stands in objects stands in the file. */
  hasContents: boolean;
  /** For how long the program stands still. */
  cost: string;
}

const forms: [RegExp, HeapForm][] = [
  [
    /^\.NET/,
    {
      hasAll: false,
      route: "/gcdump",
      query: { format: "raw" },
      ending: ".gcdump",
      readers: "PerfView, Visual Studio, dotnet-gcdump",
      hasContents: false,
      cost: "The program stands still for a full collection and while its objects are told: about a second for 5 million of them.",
    },
  ],
  [
    /^Java(?! \(OpenJ9\))/,
    {
      hasAll: true,
      route: "/heapdump",
      query: {},
      ending: ".hprof",
      readers: "VisualVM, Eclipse MAT",
      hasContents: true,
      cost: "The program stands still: for a count as long as one collection takes, for a file to its last byte (a GiB takes about a second, or as long as the network does).",
    },
  ],
  [
    /^Node\b/,
    {
      hasAll: false,
      route: "/heapdump",
      query: {},
      ending: ".heapsnapshot",
      readers: "Chromium's developer tools, memlab",
      hasContents: true,
      cost: "The program stands still until V8 has gone through all of it, which takes seconds for a large heap, and needs memory for that; for a file to its last byte.",
    },
  ],
];

/** Undefined: its heap can't be told about. */
export function heapOf(runtime: string | undefined): HeapForm | undefined {
  return forms.find(([name]) => name.test(runtime ?? ""))?.[1];
}
