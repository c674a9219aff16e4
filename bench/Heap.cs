// A heap of so many objects of 112 bytes, with two references each: arguments: how many.
using System;
using System.Threading;

class Item
{
    public Item Before, Other;
    long a, b, c, d, e, f, g, h, i, j;
    public long Sum => a + b + c + d + e + f + g + h + i + j;
}

static class Heap
{
    static Item[] items;

    static void Main(string[] arguments)
    {
        items = new Item[int.Parse(arguments[0])];
        for (int i = 0; i < items.Length; i++)
            items[i] = new Item { Before = i % 100 > 0 ? items[i - 1] : null, Other = items[(int)((long)i * 7919 % (i + 1))] };
        GC.Collect();
        Console.WriteLine("ready");
        Console.Out.Flush();
        Thread.Sleep(Timeout.Infinite);
    }
}
