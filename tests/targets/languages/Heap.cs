// A heap with so many objects of each type, and what they hang on. Argument: how many Known there are. Each line that it
// reads it answers with how many collections of all generations there were.
using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;

class Known { public long Value; }
class Link { public Link Next; }
class Key { }
class Attached { public object Held = new Held(); }
class Held { }
class OfThread { }
class Gone { }

static class Heap
{
    static Known[] known;
    static Link chain;
    static readonly Dictionary<string, Known> names = new();
    static readonly ConditionalWeakTable<Key, Attached> attached = new();
    static readonly List<Key> keys = new();
    static byte[] large;
    [ThreadStatic] static List<OfThread> ofThread;

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Fill(int count)
    {
        known = new Known[count];
        for (int i = 0; i < count; i++)
            known[i] = new Known { Value = i };
        for (int i = 0; i < 1000; i++)
            chain = new Link { Next = chain };
        for (int i = 0; i < 100; i++)
            names["name " + i] = new Known();
        for (int i = 0; i < 10; i++)
        {
            keys.Add(new Key());
            attached.Add(keys[i], new Attached());
        }
        large = new byte[5_000_000];
        ofThread = new List<OfThread> { new OfThread() };
        for (int i = 0; i < 1000; i++)
            GC.KeepAlive(new Gone());
    }

    static void Main(string[] arguments)
    {
        Fill(int.Parse(arguments[0]));
        Console.WriteLine("ready");
        Console.Out.Flush();
        while (Console.In.ReadLine() != null)
        {
            Console.WriteLine(GC.CollectionCount(2));
            Console.Out.Flush();
        }
        Thread.Sleep(Timeout.Infinite);
    }
}
