int frames_keeps(int (*grows)(int, char *), int value, char *out);

/* Saves the frame pointer and doesn't use it. GCC says of functions such as frames_grows() that the caller's
 * is saved where the frame pointer points to, also for the last two instructions, where it is the caller's
 * already: nobody can find a frame by it there. */
int frames_keeps(int (*grows)(int, char *), int value, char *out)
{
    int result = grows(value, out);
#ifdef __x86_64__
    __asm__ volatile("" ::: "rbp");
#endif
    return result + 1;
}
