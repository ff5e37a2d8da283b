#include "core/door.h"

void door_init(struct door *door)
{
    *door = (struct door){.released = false};
}

void door_release_until(struct door *door, struct mono ends, struct mono now)
{
    if (ends.ms <= now.ms)
        return;
    if (door->released && door->release_ends.ms >= ends.ms)
        return;
    door->released = true;
    door->release_ends = ends;
}

void door_release(struct door *door, int release_s, struct mono now)
{
    door_release_until(door, mono_add_ms(now, (int64_t)release_s * 1000), now);
}

bool door_tick(struct door *door, struct mono now)
{
    if (!door->released || now.ms < door->release_ends.ms)
        return false;
    door->released = false;
    return true;
}

bool door_deadline(const struct door *door, struct mono *out)
{
    if (!door->released)
        return false;
    *out = door->release_ends;
    return true;
}
