/* Functions whose frames differ: what the tests of call frame information are about. */
#include <stdint.h>
#include <string.h>

int frames_leaf(int value);
int frames_saves(int value);
int frames_grows(int value, char *out);
int frames_early(int value);
int frames_calls(void (*callback)(void *), void *argument);

__attribute__((noinline)) int frames_leaf(int value)
{
    return value * 3;
}

/* keeps something over calls in registers that it has to save */
__attribute__((noinline)) int frames_saves(int value)
{
    int a = frames_leaf(value), b = frames_leaf(a), c = frames_leaf(b), d = frames_leaf(c),
        e = frames_leaf(d);

    return a * b + c * d + e * frames_leaf(value + 1) + a + b + c + d;
}

/* its size is known only when it runs, and it must be aligned: the CFA is an expression */
__attribute__((noinline)) int frames_grows(int value, char *out)
{
    char aligned[64] __attribute__((aligned(64)));
    char *bytes = __builtin_alloca((size_t)value + 1);

    memset(bytes, value, (size_t)value);
    memset(aligned, value, sizeof aligned);
    memcpy(out, bytes, (size_t)value);
    memcpy(out + value, aligned, sizeof aligned);
    return frames_saves(bytes[0]) + aligned[3];
}

/* two ways out: the state before the first one comes back behind it */
__attribute__((noinline)) int frames_early(int value)
{
    if (value < 0)
        return frames_saves(-value) + 1;
    for (int i = 0; i < value; i++)
        value += frames_saves(i) & 1;
    return value;
}

/* not the last thing it does, else it would be a jump */
__attribute__((noinline)) int frames_calls(void (*callback)(void *), void *argument)
{
    callback(argument);
    return frames_leaf(1);
}
