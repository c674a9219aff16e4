// Threads that stand in methods that are known, which each tells of itself before; and objects that are counted. A line
// for each thread: its name, then the methods as System.Diagnostics.StackTrace has them, innermost first, with "|" between.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Known.Places
{
    class Counted { public long Value; }
    class Pinned { public object Next; }
    struct Pair { public int One; public string Other; }

    class Box<T>
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Keep<U>(T one, List<U> others, ref Pair pair)
        {
            Stands.TellAndWait();
            GC.KeepAlive((one, others));
        }
    }

    static class Stands
    {
        const int Many = 4321;
        static readonly object gate = new object();
        static readonly List<string> told = new List<string>();
        static Counted[] counted;
        static Pinned root;

        static string Name(StackFrame frame)
        {
            var method = frame.GetMethod();
            return method.DeclaringType + "." + method.Name + "(" + string.Join(",", method.GetParameters().Select(one => one.ParameterType.Name)) + ")";
        }

        // Of who calls it.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Tell()
        {
            var frames = new StackTrace(2, false).GetFrames();
            lock (told)
                told.Add(Thread.CurrentThread.Name + " " + string.Join("|", frames.Select(Name)));
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void TellAndWait()
        {
            Tell();
            new ManualResetEvent(false).WaitOne();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void InMonitor(string[] words, int[,] numbers)
        {
            TellAndWait();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void InRecursion(int depth)
        {
            if (depth > 0)
                InRecursion(depth - 1);
            else
                TellAndWait();
            GC.KeepAlive(gate);
        }

        static void Start(string name, ThreadStart body)
        {
            new Thread(body) { IsBackground = true, Name = name }.Start();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Fill()
        {
            counted = new Counted[Many];
            for (int i = 0; i < Many; i++)
                counted[i] = new Counted { Value = i };
            root = new Pinned { Next = new Pinned { Next = new Pinned() } };
        }

        static void Main()
        {
            Fill();
            Start("in-arrays", () => InMonitor(new string[0], null));
            Start("in-recursion", () => InRecursion(5));
            Start("in-generics", () =>
            {
                Pair pair = default;
                new Box<string>().Keep(new string('a', 3), new List<Pair>(), ref pair);
            });
            for (bool all = false; !all; Thread.Sleep(10))
                lock (told)
                    all = told.Count == 3;
            foreach (string line in told)
                Console.WriteLine(line);
            Console.WriteLine("ready");
            Console.Out.Flush();
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
