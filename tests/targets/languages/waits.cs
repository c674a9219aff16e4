// Threads in calls that are known: in a monitor, an event and a sleep.
using System;
using System.Threading;

static class Waits
{
    static readonly object gate = new object();

    static void KnownMonitor()
    {
        lock (gate)
            Monitor.Wait(gate);
    }

    static void KnownEvent()
    {
        new ManualResetEvent(false).WaitOne();
    }

    static void KnownSleep(int depth)
    {
        if (depth > 0)
            KnownSleep(depth - 1);
        else
            Thread.Sleep(Timeout.Infinite);
    }

    static void Start(string name, ThreadStart body)
    {
        new Thread(body) { IsBackground = true, Name = name }.Start();
    }

    static void Main()
    {
        Start("waits-monitor", KnownMonitor);
        Start("waits-event", KnownEvent);
        Start("waits-sleep", () => KnownSleep(5));
        Thread.Sleep(300);
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
    }
}
