// Breakpad's writer of minidumps as a program, to be measured against: usage: breakpad_writer PID FILE. Not a part of the
// build: bench/run compiles it where BREAKPAD_SRC names a checkout's src folder (with third_party/lss in it).
#include "client/linux/minidump_writer/minidump_writer.h"

#include <cstdlib>

int main(int argc, char **argv)
{
    pid_t pid = argc == 3 ? static_cast<pid_t>(std::atoi(argv[1])) : 0;
    return pid > 0 && google_breakpad::WriteMinidump(argv[2], pid, pid) ? 0 : 1;
}
