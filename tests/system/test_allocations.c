/* A read asks our own objects for no memory: from the library's callback to the relay, its event, its
 * answer, the note that it was answered, and the move into journal.db. All parts are real processes;
 * gatehoused is linked so that it counts (lib/allocations.h). */
#include "gateway_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/allocations.h"

#define CARD_ANN "A4404404A1"
/* Lists that grow with each power of two have grown, and not again before as many reads more. */
#define WARM_UP_READS 1100
#define COUNTED_READS 800

/* Ann's uses are counted, and where she is. */
#define POLICY_ANN                                                                                 \
    "{\"k\":\"person\",\"id\":\"ann\",\"d\":{\"groups\":[\"staff\"]}}\n"                      \
    "{\"k\":\"credential\",\"id\":\"c-ann\",\"d\":{\"person\":\"ann\",\"type\":\"card\","        \
    "\"value\":\"" CARD_ANN "\",\"uses_total\":1000000}}\n"                                          \
    "{\"k\":\"area\",\"id\":\"lab\",\"d\":{\"entry\":[\"r4\"],\"exit\":[\"r5\"],"                \
    "\"antipassback\":\"deny\",\"max_occupancy\":5}}\n"

static int n_reads;

/* A read of each sort. */
static void play(void)
{
    static const struct {
        int door;
        const char *body, *reason;
    } sort[] = {
        {0, "\"type\":\"card\",\"value\":\"" CARD_JANE "\",\"age_ms\":0", "granted"},
        {2, "\"type\":\"card\",\"value\":\"" CARD_BOB "\",\"age_ms\":0", "person_disabled"},
        {3, "\"type\":\"card\",\"value\":\"" CARD_FOUND "\",\"age_ms\":0", "credential_unknown"},
        {9, "\"type\":\"pin\",\"value\":\"" PIN_JANE "\"", "granted"},
        {4, "\"type\":\"card\",\"value\":\"" CARD_ANN "\",\"age_ms\":5", "granted"},
        {5, "\"type\":\"card\",\"value\":\"" CARD_ANN "\",\"age_ms\":5", "granted"},
        {6, "\"type\":\"card\",\"value\":\"" CARD_JANE "\"", "read_stale"},
        {7, "\"type\":\"smoke\"", "read_malformed"},
    };
    for (size_t i = 0; i < sizeof sort / sizeof sort[0]; i++) {
        char id[24], json[200];
        snprintf(id, sizeof id, "n-%d", n_reads++);
        snprintf(json, sizeof json, "{\"id\":\"%s\",%s}", id, sort[i].body);
        assert_string_equal(house_send(sort[i].door, json, id).reason, sort[i].reason);
    }
}

/* Counts lie in a file that gatehoused has mapped. */
static struct allocations counts(void)
{
    struct allocations now;
    int fd = open(getenv(ALLOCATIONS_FILE), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &now, sizeof now, 0), sizeof now);
    close(fd);
    return now;
}

static void say_places(const struct allocations *a, uint64_t from)
{
    for (uint64_t i = from; i < a->n && i < from + ALLOCATIONS_PLACES; i++)
        lib_say("addr2line -f -e build/gatehoused-counted 0x%llx",
                (unsigned long long)a->place[i % ALLOCATIONS_PLACES] - 1);
}

/* A status goes out every ten seconds, and may ask for what it likes. */
static bool has_status(size_t from)
{
    for (size_t i = from; i < mqtt_client_count(wire); i++)
        if (strcmp(mqtt_client_at(wire, i)->topic, TOPIC_STATUS) == 0)
            return true;
    return false;
}

/* Plays reads of each sort; true if they asked for something, which is said. *is_excused: a status
 * came meanwhile. */
static bool ask_for_memory(bool *is_excused)
{
    size_t from = mqtt_client_count(wire);
    struct allocations before = counts();
    play();
    struct allocations after = counts();
    *is_excused = has_status(from);
    if (after.n != before.n)
        say_places(&after, before.n);
    return after.n != before.n;
}

static int begin(void **state)
{
    (void)state;
    static char path[FOLDER_PATH_MAX];
    static const struct site_options options = {
        .config = HOUSE_CONFIG, .site_lines = HOUSE_FAST, .gatehoused = "gatehoused-counted"};
    if (!site_make(&site, &options) || !folder_file(&site.folder, "allocations", path) ||
        setenv(ALLOCATIONS_FILE, path, 1) != 0)
        return -1;
    return site_start_broker(&site) && site_start_cloud(&site) &&
                   site_put_rows(&site, HOUSE_POLICY POLICY_ANN) && site_start_gatehoused(&site) &&
                   site_start_syncd(&site) && house_open_readers() &&
                   site_wait_policy(&site, WAIT_MS)
               ? 0
               : -1;
}

static void a_read_asks_our_objects_for_no_memory(void **state)
{
    (void)state;
    /* Who asks the control socket is no reader. */
    assert_true(process_stop(&site.syncd));
    uint64_t at_start = counts().n;
    assert_true(at_start > 0); /* it does count */
    while (n_reads < WARM_UP_READS)
        play();
    int n_asked = 0, n_excused = 0;
    for (int first = n_reads; n_reads - first < COUNTED_READS;) {
        bool is_excused;
        n_asked += ask_for_memory(&is_excused);
        n_excused += is_excused;
    }
    /* The status of a moment ago may have asked before it came here, or after. */
    size_t from = mqtt_client_count(wire);
    play();
    n_excused += has_status(from);
    printf("# %d reads, of which a status asked %d times\n", COUNTED_READS, n_asked);
    assert_true(n_asked <= 2 * n_excused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_asks_our_objects_for_no_memory),
    };
    return cmocka_run_group_tests_name("allocations", tests, begin, house_end);
}
