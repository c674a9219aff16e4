// Code with all that names and lines are hard for: templates, lambdas in functions of their own and inlined, methods,
// namespaces, and a part that is put elsewhere since it is never run.
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace outer {
namespace inner {

template <int N> struct Worker {
    static inline int step(int x)
    {
        return x * N + (x >> 3);
    }

    __attribute__((noinline)) int run(const std::vector<int> &values) const
    {
        int sum = 0;
        for (int value : values) {
            sum += step(value);
            if (sum > 1000000)
                sum = step(sum) - 3;
        }
        return sum;
    }
};

} // namespace inner
} // namespace outer

static __attribute__((noinline)) int apply(int n)
{
    auto apart = [&](int a) __attribute__((noinline))
    {
        volatile int kept = a;
        return kept * n;
    };
    auto within = [&](int a) { return apart(a) + apart(a + 1); };
    return within(n) + within(n + 1);
}

int main(int count, char **)
{
    std::vector<int> values;
    for (int i = 0; i < count * 100; i++)
        values.push_back(i * 7);
    std::sort(values.begin(), values.end(), [](int a, int b) { return a % 10 < b % 10; });
    if (count > 1000)
        throw std::runtime_error("more than this is for");
    outer::inner::Worker<3> three;
    outer::inner::Worker<5> five;
    printf("%d %d %d\n", three.run(values), five.run(values), apply(count));
    return 0;
}
