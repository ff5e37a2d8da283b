#include "app/syncd/lifetime.h"

/* The first second in which less than that part of the life is left. */
static int64_t begins(int64_t not_before, int64_t not_after, int64_t part)
{
    return not_after - (not_after - not_before - 1) / part;
}

enum lifetime_phase lifetime_phase(int64_t not_before, int64_t not_after, struct wall now)
{
    if (!wall_is_trusted(now))
        return LIFETIME_UNKNOWN;
    if (now.s >= not_after)
        return LIFETIME_OVER;
    if (now.s >= begins(not_before, not_after, 10))
        return LIFETIME_LOW;
    return now.s >= begins(not_before, not_after, 3) ? LIFETIME_DUE : LIFETIME_GOOD;
}

int64_t lifetime_left_s(int64_t not_before, int64_t not_after, struct wall now)
{
    switch (lifetime_phase(not_before, not_after, now)) {
    case LIFETIME_GOOD:
        return begins(not_before, not_after, 3) - now.s;
    case LIFETIME_DUE:
        return begins(not_before, not_after, 10) - now.s;
    case LIFETIME_LOW:
        return not_after - now.s;
    case LIFETIME_UNKNOWN:
    case LIFETIME_OVER:
        break;
    }
    return INT64_MAX;
}
