// Asks for each address that a line of its input names.
using System;
using System.Net.Http;

static class Program
{
    static void Main()
    {
        using var client = new HttpClient();
        Console.WriteLine("ready");
        while (Console.ReadLine() is string line)
            Console.WriteLine((int)client.GetAsync(line).Result.StatusCode);
    }
}
