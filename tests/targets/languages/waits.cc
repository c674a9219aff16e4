// Threads in calls that are known: through a virtual method, a lambda and a template, until one waits.
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <sys/prctl.h>
#include <csignal>
#include <thread>
#include <unistd.h>
#include <vector>

namespace known
{
std::mutex lock;
std::condition_variable never;
int inside;

struct place {
    virtual ~place() = default;
    virtual void wait_in_here(int depth) = 0;
};

struct on_condition : place {
    __attribute__((noinline)) void wait_in_here(int depth) override
    {
        if (depth > 0)
            return wait_in_here(depth - 1), void(std::puts(""));
        std::unique_lock<std::mutex> held(lock);
        inside++;
        never.wait(held, [] { return false; });
    }
};

struct in_pause : place {
    __attribute__((noinline)) void wait_in_here(int) override
    {
        {
            std::unique_lock<std::mutex> held(lock);
            inside++;
        }
        for (;;)
            pause();
    }
};

template <typename kind> __attribute__((noinline)) void enter(int depth)
{
    std::unique_ptr<place> one = std::make_unique<kind>();
    one->wait_in_here(depth);
    std::puts("");
}
} // namespace known

int main()
{
    std::vector<std::thread> threads;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 3; i++)
        threads.emplace_back([i] { known::enter<known::on_condition>(i); });
    threads.emplace_back([] { known::enter<known::in_pause>(0); });
    for (;;) {
        std::unique_lock<std::mutex> held(known::lock);
        if (known::inside == 4)
            break;
        held.unlock();
        usleep(1000);
    }
    std::puts("ready");
    std::fflush(stdout);
    for (auto &thread : threads)
        thread.join();
}
