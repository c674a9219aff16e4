/* DWARF expressions: each operation once, and what is broken. */
#include "unwind/expression.h"

#include <dwarf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { BASE = 0x1000 };

static const uint64_t words[] = {0x1122334455667788, 0xfffffffffffffff0, BASE};
static const struct walk_registers registers = {.values = {[3] = 33, [7] = BASE, [16] = 0xf00d},
                                                .known = 1 << 3 | 1 << 7 | 1 << 16};
static struct memory *memory;

#define EVALUATE(value, ...)                                                                                 \
    evaluate((uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), (value), NULL)
#define WITH_FIRST(first, value, ...)                                                                        \
    evaluate((uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), (value), &(uint64_t){first})

static int evaluate(const uint8_t *bytes, size_t size, uint64_t *ret_value, const uint64_t *first)
{
    /* the exact size, so that the address sanitizer sees what is read past it */
    uint8_t *copy = malloc(size);
    int r;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    r = expression_evaluate(copy, size, first, &registers, memory, ret_value);
    free(copy);
    return r;
}

static int begin(void **state)
{
    (void)state;
    return memory_bytes_new(BASE, words, sizeof words, &memory);
}

static int end(void **state)
{
    (void)state;
    memory_free(memory);
    return 0;
}

#define GIVES(expected, ...)                                                                                 \
    do {                                                                                                     \
        uint64_t _got = 0;                                                                                   \
        assert_int_equal(EVALUATE(&_got, __VA_ARGS__), 0);                                                   \
        assert_int_equal(_got, (uint64_t)(expected));                                                        \
    } while (0)
#define FAILS(code, ...)                                                                                     \
    do {                                                                                                     \
        uint64_t kept = 4711;                                                                                \
        assert_int_equal(EVALUATE(&kept, __VA_ARGS__), (code));                                              \
        assert_int_equal(kept, 4711);                                                                        \
    } while (0)

static void constants_and_registers(void **state)
{
    (void)state;
    GIVES(31, DW_OP_lit31);
    GIVES(0xff, DW_OP_const1u, 0xff);
    GIVES(-1, DW_OP_const1s, 0xff);
    GIVES(0xff01, DW_OP_const2u, 0x01, 0xff);
    GIVES(-255, DW_OP_const2s, 0x01, 0xff);
    GIVES(0x80000000, DW_OP_const4u, 0, 0, 0, 0x80);
    GIVES(-0x80000000ll, DW_OP_const4s, 0, 0, 0, 0x80);
    GIVES(0x8000000000000001, DW_OP_const8u, 1, 0, 0, 0, 0, 0, 0, 0x80);
    GIVES(-2, DW_OP_const8s, 0xfe, 255, 255, 255, 255, 255, 255, 255);
    GIVES(624485, DW_OP_constu, 0xe5, 0x8e, 0x26);
    GIVES(-123456, DW_OP_consts, 0xc0, 0xbb, 0x78);
    GIVES(33 - 8, DW_OP_breg3, 0x78);
    GIVES(0xf00d + 1, DW_OP_bregx, 16, 1);
    FAILS(-ENODATA, DW_OP_breg0, 0);
    FAILS(-ENODATA, DW_OP_bregx, 0xff, 0xff, 0x7f, 0);
}

static void stack_and_memory(void **state)
{
    uint64_t got = 0;

    (void)state;
    GIVES(4, DW_OP_lit2, DW_OP_dup, DW_OP_plus);
    GIVES(2, DW_OP_lit2, DW_OP_lit3, DW_OP_over);
    GIVES(1, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_pick, 2);
    GIVES(2, DW_OP_lit2, DW_OP_lit3, DW_OP_drop);
    GIVES(1, DW_OP_lit2, DW_OP_lit3, DW_OP_swap, DW_OP_minus);
    /* 1 2 3 becomes 3 1 2 */
    GIVES(3 - (1 - 2), DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_minus, DW_OP_minus);
    GIVES(words[0], DW_OP_breg7, 0, DW_OP_deref);
    GIVES(0x7788, DW_OP_breg7, 0, DW_OP_deref_size, 2);
    assert_int_equal(WITH_FIRST(BASE, &got, DW_OP_plus_uconst, 8, DW_OP_deref), 0);
    assert_int_equal(got, words[1]);
    FAILS(-EIO, DW_OP_lit0, DW_OP_deref);
    FAILS(-EIO, DW_OP_breg7, 20, DW_OP_deref); /* half of it is not there */
    FAILS(-EINVAL, DW_OP_breg7, 0, DW_OP_deref_size, 9);
    FAILS(-EINVAL, DW_OP_breg7, 0, DW_OP_deref_size, 0);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_pick, 1);
}

static void arithmetic(void **state)
{
    (void)state;
    GIVES(5, DW_OP_const1s, 0xfb, DW_OP_abs);
    GIVES(-5, DW_OP_lit5, DW_OP_neg);
    GIVES(-6, DW_OP_lit5, DW_OP_not);
    GIVES(4, DW_OP_lit5, DW_OP_const1u, 0xfe, DW_OP_and);
    GIVES(7, DW_OP_lit5, DW_OP_lit3, DW_OP_or);
    GIVES(6, DW_OP_lit5, DW_OP_lit3, DW_OP_xor);
    GIVES(15, DW_OP_lit5, DW_OP_lit3, DW_OP_mul);
    GIVES(-2, DW_OP_const1s, 0xfb, DW_OP_lit2, DW_OP_div);
    GIVES(UINT64_MAX % 7, DW_OP_const1s, 0xff, DW_OP_lit7, DW_OP_mod);
    GIVES(0x8000000000000000, DW_OP_const8u, 0, 0, 0, 0, 0, 0, 0, 0x80, DW_OP_const1s, 0xff, DW_OP_div);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_lit0, DW_OP_div);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_lit0, DW_OP_mod);
    GIVES(40, DW_OP_lit5, DW_OP_lit3, DW_OP_shl);
    GIVES(0, DW_OP_lit5, DW_OP_const1u, 64, DW_OP_shl);
    GIVES(UINT64_MAX >> 1, DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_shr);
    GIVES(-1, DW_OP_const1s, 0xfe, DW_OP_const1u, 200, DW_OP_shra);
    GIVES(1, DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_lt);
    GIVES(0, DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_gt);
    GIVES(1, DW_OP_lit1, DW_OP_lit1, DW_OP_le);
    GIVES(1, DW_OP_lit1, DW_OP_lit1, DW_OP_ge);
    GIVES(1, DW_OP_lit1, DW_OP_lit1, DW_OP_eq);
    GIVES(0, DW_OP_lit1, DW_OP_lit1, DW_OP_ne);
}

static void branches(void **state)
{
    (void)state;
    GIVES(2, DW_OP_lit1, DW_OP_bra, 1, 0, DW_OP_lit9, DW_OP_lit2);
    GIVES(9, DW_OP_lit0, DW_OP_bra, 2, 0, DW_OP_lit9, DW_OP_nop, DW_OP_nop);
    GIVES(7, DW_OP_lit7, DW_OP_skip, 0, 0);
    /* counts down from 9 */
    GIVES(0, DW_OP_lit9, DW_OP_lit1, DW_OP_minus, DW_OP_dup, DW_OP_bra, 0xfa, 0xff);
    FAILS(-EINVAL, DW_OP_skip, 0xfd, 0xff);             /* for ever */
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_skip, 0xfc, 0xff); /* for ever, and fills the stack */
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_skip, 1, 0);       /* behind the end */
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_skip, 0xf0, 0xff); /* before the beginning */
}

static void what_plt_entries_have(void **state)
{
    (void)state;
    /* rsp + 8 + (((rip & 15) >= 11) << 3), as linkers write it; registers 7 and 16 */
    GIVES(BASE + 16, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge,
          DW_OP_lit3, DW_OP_shl, DW_OP_plus);
}

static void what_is_broken(void **state)
{
    uint64_t got = 0;

    (void)state;
    assert_int_equal(expression_evaluate((const uint8_t *)"", 0, NULL, &registers, memory, &got), -EINVAL);
    FAILS(-EINVAL, DW_OP_plus);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_plus);
    FAILS(-EINVAL, DW_OP_const8u, 1, 2, 3);
    FAILS(-EINVAL, DW_OP_constu, 0x80, 0x80);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_lit1, 0xff);
    FAILS(-EINVAL, DW_OP_lit1, DW_OP_call_frame_cfa);
    FAILS(-EINVAL, DW_OP_addr, 0, 0, 0, 0, 0, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_and_registers),
        cmocka_unit_test(stack_and_memory),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(branches),
        cmocka_unit_test(what_plt_entries_have),
        cmocka_unit_test(what_is_broken),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
