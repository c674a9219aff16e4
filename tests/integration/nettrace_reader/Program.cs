// Reads a .nettrace, or the one in a .diagsession, with Microsoft's own libraries, and prints what they make of it as
// JSON. The test compares.
using System.Collections.Generic;
using System.IO;
using System.IO.Packaging;
using System.Linq;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.Diagnostics.Tracing.Etlx;
using Microsoft.Diagnostics.Tracing.Parsers.Universal.Events;

string path = args[0], work = args[1];
var answer = new Dictionary<string, object>();

if (path.EndsWith(".diagsession"))
{
    XNamespace ns = "urn:diagnosticshub-package-metadata-2-1";
    using Package package = Package.Open(path, FileMode.Open, FileAccess.Read);
    answer["parts"] = package.GetParts().Select(part => part.Uri + " " + part.ContentType).OrderBy(s => s).ToList();
    XDocument metadata = XDocument.Load(package.GetPart(new System.Uri("/metadata.xml", System.UriKind.Relative)).GetStream());
    answer["tools"] = metadata.Descendants(ns + "Tool").Select(tool => tool.Attribute("Id").Value).ToList();
    XElement resource = metadata.Descendants(ns + "Resource").Single(r => r.Attribute("Name").Value.EndsWith(".nettrace"));
    answer["type"] = resource.Attribute("Type").Value;
    answer["added"] = resource.Attribute("TimeAddedUTC").Value;
    var part = new System.Uri("/" + resource.Attribute("ResourcePackageUriPrefix").Value + "/" + resource.Attribute("Name").Value, System.UriKind.Relative);
    path = Path.Combine(work, "unpacked.nettrace");
    using (Stream from = package.GetPart(part).GetStream())
    using (FileStream to = File.Create(path))
        from.CopyTo(to);
}

using (var log = TraceLog.OpenOrConvert(TraceLog.CreateFromEventPipeDataFile(path, Path.Combine(work, "read.etlx"))))
{
    var stacks = new Dictionary<string, (long, ulong)>();
    double last = -1;
    bool ordered = true;
    long events = 0;
    var kinds = new Dictionary<string, int>();
    foreach (var data in log.Events)
    {
        string kind = data.ProviderName + "/" + data.EventName;
        kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
        if (data is not SampleTraceData sample)
            continue;
        var names = new List<string>();
        for (var stack = sample.CallStack(); stack != null; stack = stack.Caller)
            names.Add(stack.CodeAddress.ModuleName + "!" + stack.CodeAddress.FullMethodName);
        names.Reverse();
        string key = JsonSerializer.Serialize(new { pid = sample.ProcessID, tid = sample.ThreadID, names });
        var (count, weight) = stacks.GetValueOrDefault(key);
        stacks[key] = (count + 1, weight + sample.Value);
        ordered &= sample.TimeStampRelativeMSec >= last;
        last = sample.TimeStampRelativeMSec;
        events++;
    }
    answer["samples"] = events;
    answer["kinds"] = kinds;
    answer["ordered"] = ordered;
    answer["last"] = last;
    answer["lost"] = log.EventsLost;
    answer["began"] = log.SessionStartTime.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss.fff");
    answer["pointer"] = log.PointerSize;
    answer["processors"] = log.NumberOfProcessors;
    answer["processes"] = log.Processes.Select(process => new { pid = process.ProcessID, name = process.ImageFileName }).ToList();
    answer["modules"] = log.Processes.SelectMany(process => process.LoadedModules)
        .Select(module => new { path = module.FilePath, start = module.ImageBase, size = module.ModuleFile.ImageSize, build = (module.ModuleFile.ElfInfo)?.BuildId })
        .ToList();
    answer["stacks"] = stacks.Select(pair => new { stack = JsonDocument.Parse(pair.Key).RootElement, count = pair.Value.Item1, weight = pair.Value.Item2 }).ToList();
}
System.Console.WriteLine(JsonSerializer.Serialize(answer));
