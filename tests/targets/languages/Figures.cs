// Publishes figures of its own, and collects as often as each line of its input says.
using System;
using System.Diagnostics.Tracing;

[EventSource(Name = "Known-Figures")]
sealed class Figures : EventSource
{
    readonly PollingCounter answer;
    readonly IncrementingPollingCounter steps;
    readonly EventCounter never;
    long taken;

    public Figures()
    {
        answer = new PollingCounter("answer", this, () => 42) { DisplayName = "The Answer", DisplayUnits = "things" };
        answer.AddMetadata("key", "välue");
        steps = new IncrementingPollingCounter("steps", this, () => taken += 7) { DisplayName = "Steps" };
        never = new EventCounter("never", this);
    }

    [Event(1, Level = EventLevel.Informational)]
    public void Said(string what, int number) => WriteEvent(1, what, number);
}

static class Program
{
    static void Main()
    {
        using var figures = new Figures();
        Console.WriteLine("ready");
        while (Console.ReadLine() is string line)
        {
            for (int i = 0; i < int.Parse(line); i++)
                GC.Collect();
            figures.Said("collected", int.Parse(line));
            Console.WriteLine("done");
        }
    }
}
