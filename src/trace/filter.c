#include "trace/filter.h"

#include "base/array.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#ifndef PTRACE_SECCOMP_GET_FILTER /* linux/ptrace.h */
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

enum { FILTERS_MAX = 256 };

struct machine {
    const struct seccomp_data *call;
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static int load_word(const struct machine *machine, uint32_t offset, uint32_t *ret_word)
{
    size_t pointer = offsetof(struct seccomp_data, instruction_pointer);

    if (offset % sizeof *ret_word != 0 || offset > sizeof *machine->call - sizeof *ret_word)
        return -EBADMSG;
    if (offset == pointer || offset == pointer + sizeof *ret_word)
        return -EBADMSG;
    memcpy(ret_word, (const char *)machine->call + offset, sizeof *ret_word);
    return 0;
}

static int load(struct machine *machine, const struct sock_filter *line)
{
    bool into_x = BPF_CLASS(line->code) == BPF_LDX;
    uint32_t value;
    int r = 0;

    switch (BPF_MODE(line->code)) {
    case BPF_IMM:
        value = line->k;
        break;
    case BPF_LEN:
        value = sizeof *machine->call;
        break;
    case BPF_MEM:
        if (line->k >= BPF_MEMWORDS)
            return -EBADMSG;
        value = machine->memory[line->k];
        break;
    case BPF_ABS:
        if (into_x)
            return -EBADMSG;
        r = load_word(machine, line->k, &value);
        break;
    default:
        return -EBADMSG;
    }
    if (r == 0 && into_x)
        machine->x = value;
    else if (r == 0)
        machine->a = value;
    return r;
}

static int calculate(struct machine *machine, const struct sock_filter *line)
{
    uint32_t operand = BPF_SRC(line->code) == BPF_X ? machine->x : line->k;
    uint32_t *a = &machine->a;

    switch (BPF_OP(line->code)) {
    case BPF_ADD:
        *a += operand;
        return 0;
    case BPF_SUB:
        *a -= operand;
        return 0;
    case BPF_MUL:
        *a *= operand;
        return 0;
    case BPF_DIV:
        *a = operand ? *a / operand : 0;
        return 0;
    case BPF_AND:
        *a &= operand;
        return 0;
    case BPF_OR:
        *a |= operand;
        return 0;
    case BPF_XOR:
        *a ^= operand;
        return 0;
    case BPF_LSH:
        *a <<= operand & 31;
        return 0;
    case BPF_RSH:
        *a >>= operand & 31;
        return 0;
    case BPF_NEG:
        *a = -*a;
        return 0;
    default:
        return -EBADMSG;
    }
}

/* How many lines are passed over. */
static int jump(const struct machine *machine, const struct sock_filter *line, size_t *ret_distance)
{
    uint32_t operand = BPF_SRC(line->code) == BPF_X ? machine->x : line->k;
    bool is_true;

    switch (BPF_OP(line->code)) {
    case BPF_JA:
        *ret_distance = line->k;
        return 0;
    case BPF_JEQ:
        is_true = machine->a == operand;
        break;
    case BPF_JGT:
        is_true = machine->a > operand;
        break;
    case BPF_JGE:
        is_true = machine->a >= operand;
        break;
    case BPF_JSET:
        is_true = (machine->a & operand) != 0;
        break;
    default:
        return -EBADMSG;
    }
    *ret_distance = is_true ? line->jt : line->jf;
    return 0;
}

static int store(struct machine *machine, const struct sock_filter *line)
{
    if (line->k >= BPF_MEMWORDS)
        return -EBADMSG;
    machine->memory[line->k] = BPF_CLASS(line->code) == BPF_ST ? machine->a : machine->x;
    return 0;
}

/* It always ends: all jumps go forward. */
int filter_run(const struct sock_filter *code, size_t count, const struct seccomp_data *call,
               uint32_t *ret_answer)
{
    struct machine machine = {.call = call};

    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *line = &code[at];
        size_t distance = 0;
        int r = 0;

        switch (BPF_CLASS(line->code)) {
        case BPF_LD:
        case BPF_LDX:
            r = load(&machine, line);
            break;
        case BPF_ST:
        case BPF_STX:
            r = store(&machine, line);
            break;
        case BPF_ALU:
            r = calculate(&machine, line);
            break;
        case BPF_JMP:
            r = jump(&machine, line, &distance);
            break;
        case BPF_MISC:
            if (BPF_MISCOP(line->code) == BPF_TAX)
                machine.x = machine.a;
            else
                machine.a = machine.x;
            break;
        default: /* BPF_RET */
            *ret_answer = BPF_RVAL(line->code) == BPF_A ? machine.a : line->k;
            return 0;
        }
        if (r < 0)
            return r;
        if (distance >= count - at)
            return -EBADMSG;
        at += distance;
    }
    return -EBADMSG;
}

static enum filter_verdict judge(const struct filter *filter, const struct seccomp_data *call)
{
    uint32_t answer;

    if (filter_run(filter->code, filter->count, call, &answer) < 0)
        return FILTER_HARMS;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
        return FILTER_ALLOWS;
    case SECCOMP_RET_ERRNO:
        return FILTER_FAILS;
    default:
        return FILTER_HARMS;
    }
}

enum filter_verdict filters_judge(const struct filter_list *list, const struct seccomp_data *call)
{
    enum filter_verdict strictest = FILTER_ALLOWS;

    for (size_t i = 0; i < list->count; i++) {
        enum filter_verdict verdict = judge(&list->items[i], call);

        strictest = verdict > strictest ? verdict : strictest;
    }
    return strictest;
}

/* One of them. -ENOENT: there are no more. */
static int read_filter(pid_t tid, size_t index, struct filter *ret_filter)
{
    struct filter filter = {0};
    long count = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, NULL);

    if (count < 0)
        return errno == EACCES ? -EPERM : errno == ENOENT || errno == EPERM ? -errno : -EOPNOTSUPP;
    if (count == 0 || count > BPF_MAXINSNS)
        return -EOPNOTSUPP;
    filter.count = (size_t)count;
    filter.code = calloc(filter.count, sizeof filter.code[0]);
    if (!filter.code)
        return -ENOMEM;
    if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, filter.code) != count) {
        free(filter.code);
        return -EOPNOTSUPP;
    }
    *ret_filter = filter;
    return 0;
}

int filters_read(pid_t tid, struct filter_list *ret_list)
{
    _cleanup_filter_list_ struct filter_list list = {0};
    int r = 0;

    for (;;) {
        r = ARRAY_RESERVE(&list, 1, FILTERS_MAX);
        if (r < 0)
            return r == -ENOBUFS ? -EOPNOTSUPP : r;
        r = read_filter(tid, list.count, &list.items[list.count]);
        if (r == -ENOENT && list.count > 0)
            break;
        if (r < 0) /* EINVAL: it is in strict mode, which is no filter */
            return r == -ENOENT ? -EOPNOTSUPP : r;
        list.count++;
    }
    *ret_list = list;
    list = (struct filter_list){0};
    return 0;
}

void filter_list_release(struct filter_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].code);
    free(list->items);
    *list = (struct filter_list){0};
}
