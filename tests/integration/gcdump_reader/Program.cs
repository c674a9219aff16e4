// Reads a .gcdump with Microsoft's own FastSerialization, which every reader of it stands on, and prints what is in it
// as JSON. What the objects hold is known by this program alone, since the library with them is in no package.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using FastSerialization;

var deserializer = new Deserializer(args[0], SerializationSettings.Default.WithStreamLabelWidth(StreamLabelWidth.FourBytes));
deserializer.RegisterFactory("GCHeapDump", () => new Dump());
deserializer.RegisterFactory("Graphs.MemoryGraph", () => new Graph());
deserializer.RegisterFactory("DotNetHeapInfo", () => new Generations());
var dump = (Dump)deserializer.GetEntryObject();
Graph graph = dump.Graph;

var types = new Dictionary<string, (long count, long bytes)>();
for (int i = 0; i < graph.Count; i++)
{
    (int type, int size, _) = graph.Read(i);
    string name = graph.Types[type].Name;
    var (count, bytes) = types.GetValueOrDefault(name);
    types[name] = (count + 1, bytes + size);
}

// What a reader makes of a sample: each node stands for so many of its type.
var scaled = new Dictionary<string, (double count, double bytes)>();
for (int i = 0; i < graph.Count; i++)
{
    (int type, int size, _) = graph.Read(i);
    string name = graph.Types[type].Name;
    double factor = dump.Factors?[type] ?? 1;
    var (count, bytes) = scaled.GetValueOrDefault(name);
    scaled[name] = (count + factor, bytes + factor * size);
}

// What is reached from the root, and by which names its own children and theirs go.
var reached = new bool[graph.Count];
var names = new Dictionary<string, List<string>>();
var waiting = new Stack<(int node, int depth)>();
long reachedBytes = 0, edges = 0;
waiting.Push((graph.Root, 0));
reached[graph.Root] = true;
while (waiting.TryPop(out var at))
{
    (int type, int size, int[] children) = graph.Read(at.node);
    reachedBytes += size;
    edges += children.Length;
    if (at.depth < 4 && graph.Types[type].Name.StartsWith('['))
        names[graph.Types[type].Name] = children.Select(child => graph.Types[graph.Read(child).type].Name).Distinct().Take(1000).ToList();
    foreach (int child in children)
        if (!reached[child])
        {
            reached[child] = true;
            waiting.Push((child, at.depth + 1));
        }
}

var unreached = new Dictionary<string, int>();
for (int i = 0; i < graph.Count; i++)
    if (!reached[i])
        unreached[graph.Types[graph.Read(i).type].Name] = unreached.GetValueOrDefault(graph.Types[graph.Read(i).type].Name) + 1;

// The objects of a type that lead to the next of the same, from one that no other leads to.
int Chain(string name)
{
    var next = new Dictionary<int, int>();
    for (int i = 0; i < graph.Count; i++)
        if (graph.Types[graph.Read(i).type].Name == name)
            next[i] = graph.Read(i).children.Where(child => graph.Types[graph.Read(child).type].Name == name).DefaultIfEmpty(-1).Single();
    int length = 0;
    for (int at = next.Keys.Except(next.Values).Single(); at >= 0; at = next[at])
        length++;
    return length;
}

Console.WriteLine(JsonSerializer.Serialize(new
{
    nodes = graph.Count,
    total = graph.Total,
    is64 = graph.Is64,
    ascending = graph.Addresses.Where(address => address != 0).Zip(graph.Addresses.Where(address => address != 0).Skip(1)).All(pair => pair.First < pair.Second),
    machine = dump.Machine,
    process = dump.Process,
    pid = dump.Pid,
    time = dump.Time.ToString("yyyy-MM-ddTHH:mm:ss"),
    log = dump.Log,
    tool = dump.Tool,
    types = types.ToDictionary(pair => pair.Key, pair => new[] { pair.Value.count, pair.Value.bytes }),
    modules = graph.Types.Where(type => type.Module != null).GroupBy(type => type.Name).ToDictionary(group => group.Key, group => group.First().Module),
    scaled = scaled.ToDictionary(pair => pair.Key, pair => new[] { pair.Value.count, pair.Value.bytes }),
    factors = dump.Factors?.Length,
    countFactor = dump.CountFactor,
    sizeFactor = dump.SizeFactor,
    roots = names,
    reached = reached.Count(one => one),
    reachedBytes,
    edges,
    unreached,
    chains = args.Skip(1).ToDictionary(name => name, Chain),
}));

class Dump : IFastSerializable, IFastSerializableVersion
{
    public Graph Graph;
    public string Log, Machine, Process, Tool;
    public DateTime Time;
    public int Pid;
    public float CountFactor, SizeFactor;
    public float[] Factors; // by type; null: all objects are there
    public int Version => 10;
    public int MinimumVersionCanRead => 8;
    public int MinimumReaderVersion => 8;
    public void ToStream(Serializer serializer) => throw new NotSupportedException();
    public void FromStream(Deserializer from)
    {
        Graph = (Graph)from.ReadObject();
        if (!from.ReadBool())
            throw new FormatException("not a graph of 64 bits");
        CountFactor = from.ReadFloat();
        SizeFactor = from.ReadFloat();
        if (from.ReadObject() != null)
            throw new FormatException("not of .NET");
        if (from.ReadObject() is not Generations)
            throw new FormatException("no generations");
        Log = from.ReadString();
        Time = new DateTime(from.ReadInt64());
        Machine = from.ReadString();
        Process = from.ReadString();
        Pid = from.ReadInt();
        from.ReadInt64();
        from.ReadInt64();
        int factors = from.ReadInt();
        if (factors != 0)
            Factors = Enumerable.Range(0, factors).Select(_ => from.ReadFloat()).ToArray();
        if (factors != 0 && factors != Graph.Types.Length)
            throw new FormatException("factors of other types");
        from.TryReadTagged(ref Tool);
    }
}

class Generations : IFastSerializable
{
    public void ToStream(Serializer serializer) => throw new NotSupportedException();
    public void FromStream(Deserializer from)
    {
        from.ReadInt64();
        if (from.ReadInt() != 0)
            throw new FormatException("segments");
    }
}

class Graph : IFastSerializable, IFastSerializableVersion
{
    public long Total;
    public int Root, Count;
    public (string Name, int Size, string Module)[] Types;
    public ulong[] Addresses;
    public bool Is64;
    int[] places;
    byte[] blob;
    public int Version => 1;
    public int MinimumVersionCanRead => 0;
    public int MinimumReaderVersion => 0;
    public void ToStream(Serializer serializer) => throw new NotSupportedException();
    public void FromStream(Deserializer from)
    {
        Total = from.ReadInt64();
        Root = from.ReadInt();
        Types = new (string, int, string)[from.ReadInt()];
        for (int i = 0; i < Types.Length; i++)
            Types[i] = (from.ReadString(), from.ReadInt(), from.ReadString());
        places = new int[from.ReadInt()];
        for (int i = 0; i < places.Length; i++)
            places[i] = from.ReadInt();
        Count = places.Length;
        blob = new byte[from.ReadInt()];
        for (int i = 0; i < blob.Length; i++)
            blob[i] = from.ReadByte();
        Addresses = new ulong[from.ReadInt()];
        for (int i = 0; i < Addresses.Length; i++)
            Addresses[i] = (ulong)from.ReadInt64();
        from.TryReadTagged(ref Is64);
    }
    // Groups of seven bits, the highest first, the first with the sign.
    int Number(ref int at)
    {
        int value = (sbyte)(blob[at] << 1) >> 1;
        while ((blob[at++] & 0x80) != 0)
            value = value << 7 | blob[at] & 0x7f;
        return value;
    }
    public (int type, int size, int[] children) Read(int node)
    {
        int at = places[node], typeAndSize = Number(ref at), type = typeAndSize >> 1;
        int size = (typeAndSize & 1) != 0 ? Number(ref at) : Types[type].Size;
        var children = new int[Number(ref at)];
        for (int i = 0; i < children.Length; i++)
            children[i] = node + Number(ref at);
        return (type, size, children);
    }
}
