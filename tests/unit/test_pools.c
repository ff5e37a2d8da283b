/* Memory that is not the heap's: blocks of one size, and lists that live and die together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "adapters/sqlite/block_pool.h"
#include "adapters/sqlite/replica_pool.h"

/* --- blocks ------------------------------------------------------------------------- */

static void every_block_is_its_takers_alone_until_none_is_left(void **state)
{
    (void)state;
    enum { BLOCKS = 7, BYTES = 40 };
    struct block_pool pool;
    unsigned char *block[BLOCKS];
    assert_int_equal(block_pool_open(&pool, BYTES, BLOCKS), GH_OK);
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = block_pool_take(&pool);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % _Alignof(max_align_t), 0);
        memset(block[i], i, BYTES);
    }
    assert_null(block_pool_take(&pool));
    for (int i = 0; i < BLOCKS; i++)
        for (int k = 0; k < BYTES; k++)
            assert_int_equal(block[i][k], i);
    block_pool_give(&pool, block[3]);
    block_pool_give(&pool, block[5]);
    void *again[] = {block_pool_take(&pool), block_pool_take(&pool)};
    assert_true((again[0] == block[3] && again[1] == block[5]) ||
                (again[0] == block[5] && again[1] == block[3]));
    assert_null(block_pool_take(&pool));
    block_pool_close(&pool);
}

static void one_block_serves_whoever_gives_it_back(void **state)
{
    (void)state;
    struct block_pool pool;
    assert_int_equal(block_pool_open(&pool, 1, 100), GH_OK);
    void *first = block_pool_take(&pool);
    for (int i = 0; i < 1000; i++) {
        block_pool_give(&pool, first);
        assert_ptr_equal(block_pool_take(&pool), first);
    }
    assert_int_equal(pool.n_touched, 1); /* the other 99 have cost no memory */
    block_pool_close(&pool);
}

static void a_pool_of_zeros_has_nothing(void **state)
{
    (void)state;
    struct block_pool pool = {.memory = NULL};
    assert_null(block_pool_take(&pool));
    block_pool_close(&pool);
    block_pool_close(&pool);
}

/* --- and threads -------------------------------------------------------------------- */

#define PASSED 20000
#define GIVERS 2

struct baton {
    struct block_pool pool;
    _Atomic(uint64_t *) slot[GIVERS]; /* from the taker to the giver */
};

struct giver {
    struct baton *baton;
    int own;
};

static void *give_all(void *context)
{
    struct giver *g = context;
    for (uint64_t n = 0; n < PASSED;) {
        uint64_t *block = atomic_exchange(&g->baton->slot[g->own], NULL);
        if (!block) {
            sched_yield();
            continue;
        }
        if (*block != n++)
            return g; /* it was somebody else's meanwhile */
        block_pool_give(&g->baton->pool, block);
    }
    return NULL;
}

static void blocks_come_back_from_other_threads(void **state)
{
    (void)state;
    static struct baton baton;
    pthread_t thread[GIVERS];
    struct giver giver[GIVERS];
    uint64_t passed[GIVERS] = {0};
    assert_int_equal(block_pool_open(&baton.pool, sizeof(uint64_t), 2 * GIVERS), GH_OK);
    for (int i = 0; i < GIVERS; i++) {
        giver[i] = (struct giver){&baton, i};
        assert_int_equal(pthread_create(&thread[i], NULL, give_all, &giver[i]), 0);
    }
    for (int i = 0, n = 0; n < GIVERS * PASSED; i = (i + 1) % GIVERS) {
        if (passed[i] == PASSED || atomic_load(&baton.slot[i])) {
            sched_yield();
            continue;
        }
        uint64_t *block = block_pool_take(&baton.pool); /* two for each giver: there is one */
        assert_non_null(block);
        *block = passed[i]++;
        atomic_store(&baton.slot[i], block);
        n++;
    }
    for (int i = 0; i < GIVERS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    block_pool_close(&baton.pool);
}

/* --- lists -------------------------------------------------------------------------- */

static void what_is_taken_of_a_pool_is_zero_and_stays(void **state)
{
    (void)state;
    struct replica_pool pool = {.newest = NULL};
    int *one = replica_pool_take(&pool, 1, sizeof *one);
    assert_int_equal(*one, 0);
    *one = 7;
    for (int i = 0; i < 100; i++) {
        char *more = replica_pool_take(&pool, 1, 1000);
        assert_int_equal(more[999], 0);
        memset(more, 1, 1000);
    }
    assert_int_equal(*one, 7);
    assert_null(replica_pool_take(&pool, SIZE_MAX, 2));
    replica_pool_free(&pool);
}

static void a_pool_that_was_emptied_has_room_for_as_much_in_one_chunk(void **state)
{
    (void)state;
    struct replica_pool pool = {.newest = NULL};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(replica_pool_take(&pool, 1, 1000));
        const void *chunk = pool.newest;
        replica_pool_empty(&pool);
        /* One more than the first round took, and it stays. */
        assert_true(round == 0 ? pool.newest == NULL : pool.newest == chunk);
    }
    replica_pool_free(&pool);
}

static void a_list_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct replica_pool pool = {.newest = NULL};
    size_t room = 0;
    int *list = NULL;
    for (int n = 0; n < 10000; n++) {
        list = replica_pool_one_more(&pool, list, &room, (size_t)n, sizeof *list);
        assert_non_null(list);
        list[n] = n;
    }
    for (int n = 0; n < 10000; n++)
        assert_int_equal(list[n], n);
    replica_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_is_its_takers_alone_until_none_is_left),
        cmocka_unit_test(one_block_serves_whoever_gives_it_back),
        cmocka_unit_test(a_pool_of_zeros_has_nothing),
        cmocka_unit_test(blocks_come_back_from_other_threads),
        cmocka_unit_test(what_is_taken_of_a_pool_is_zero_and_stays),
        cmocka_unit_test(a_pool_that_was_emptied_has_room_for_as_much_in_one_chunk),
        cmocka_unit_test(a_list_grows_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests_name("pools", tests, NULL, NULL);
}
