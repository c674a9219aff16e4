// A thread that works in Hot all the time, and one that works in Cool now and then, a quarter as much at most, whoever else wants
// processors; both in Turn, which they call.
using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Known.Work
{
    static class Burns
    {
        static long sink, hot, cool;

        [MethodImpl(MethodImplOptions.NoInlining)]
        static long Turn(long value)
        {
            for (int i = 0; i < 2000; i++)
                value = value * 6364136223846793005 + 1442695040888963407;
            return value;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Hot(Stopwatch clock, int milliseconds)
        {
            for (long end = clock.ElapsedMilliseconds + milliseconds; clock.ElapsedMilliseconds < end;)
            {
                sink += Turn(sink);
                hot++;
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Cool(Stopwatch clock, int milliseconds)
        {
            for (long end = clock.ElapsedMilliseconds + milliseconds; clock.ElapsedMilliseconds < end;)
            {
                sink += Turn(sink);
                cool++;
            }
        }

        static void Main()
        {
            var clock = Stopwatch.StartNew();
            new Thread(() => { for (;;) Hot(clock, 50); }) { IsBackground = true, Name = "burns-hot" }.Start();
            new Thread(() => { for (;;) { Cool(clock, 5); do Thread.Sleep(20); while (Volatile.Read(ref hot) < 4 * cool); } }) { IsBackground = true, Name = "burns-cool" }.Start();
            Console.WriteLine("ready");
            Console.Out.Flush();
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
