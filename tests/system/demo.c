/* The demo: the main job on real parts, told to a person.
 *
 * A site on loopback with a reference cloud over TLS, a mosquitto with our
 * configuration, gatehoused on the simulated board and gatehouse-syncd. Reads
 * are presented as a reader does it; what is shown was measured outside the
 * programs: at the board's socket, at the reader, at the cloud. The exit status
 * is 0 only if all of it came out as it must. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reader.h"
#include "lib/site.h"
#include "lib/wait.h"

#define OUTAGE_READS 600
#define READERS 4
#define REPEAT_MS 1000

static const char doors[] = "[door front]\nrelay = sim:0\nactive = high\nlock = fail_secure\n"
                            "[door server]\nrelay = sim:1\nactive = high\nlock = fail_safe\n"
                            "[door lobby]\nrelay = sim:2\nactive = low\nlock = fail_secure\n";

/* Energised means released for a strike, locked for a maglock. */
static const bool energized_is_released[] = {true, false, true};

static const char policy[] =
    "{\"k\":\"site\",\"id\":\"hq\",\"d\":{\"tz\":\"Europe/London\",\"name\":\"Headquarters\"}}\n"
    "{\"k\":\"door\",\"id\":\"front\",\"d\":{\"name\":\"Front door\",\"release_s\":3}}\n"
    "{\"k\":\"door\",\"id\":\"server\",\"d\":{\"name\":\"Server room\",\"release_s\":2}}\n"
    "{\"k\":\"door\",\"id\":\"lobby\",\"d\":{\"name\":\"Lobby\",\"release_s\":1}}\n"
    "{\"k\":\"reader\",\"id\":\"r-front\",\"d\":{\"door\":\"front\"}}\n"
    "{\"k\":\"reader\",\"id\":\"r-server\",\"d\":{\"door\":\"server\",\"accepts\":[\"card\"]}}\n"
    "{\"k\":\"reader\",\"id\":\"r-lobby\",\"d\":{\"door\":\"lobby\"}}\n"
    "{\"k\":\"group\",\"id\":\"staff\",\"d\":{}}\n"
    "{\"k\":\"group\",\"id\":\"it\",\"d\":{}}\n"
    "{\"k\":\"schedule\",\"id\":\"always\",\"d\":{\"windows\":[{\"days\":[\"mon\",\"tue\",\"wed\","
    "\"thu\","
    "\"fri\",\"sat\",\"sun\"],\"start\":\"00:00\",\"end\":\"24:00\"}]}}\n"
    "{\"k\":\"schedule\",\"id\":\"never\",\"d\":{\"windows\":[]}}\n"
    "{\"k\":\"entitlement\",\"id\":\"role-staff\",\"d\":{\"kind\":\"role\",\"who\":{\"groups\":["
    "\"staff\"]},"
    "\"where\":{\"doors\":[\"front\",\"lobby\"]}}}\n"
    "{\"k\":\"entitlement\",\"id\":\"role-it\",\"d\":{\"kind\":\"role\",\"schedule\":\"always\","
    "\"who\":"
    "{\"groups\":[\"it\"]},\"where\":{\"doors\":[\"server\"]}}}\n"
    "{\"k\":\"entitlement\",\"id\":\"cleaning\",\"d\":{\"kind\":\"grant\",\"schedule\":\"never\","
    "\"who\":"
    "{\"persons\":[\"carl\"]},\"where\":{\"all\":true}}}\n"
    "{\"k\":\"person\",\"id\":\"jane\",\"d\":{\"groups\":[\"staff\",\"it\"]}}\n"
    "{\"k\":\"person\",\"id\":\"bob\",\"d\":{\"groups\":[\"staff\"]}}\n"
    "{\"k\":\"person\",\"id\":\"carl\",\"d\":{}}\n"
    "{\"k\":\"person\",\"id\":\"gone\",\"d\":{\"enabled\":false,\"groups\":[\"staff\"]}}\n"
    "{\"k\":\"person\",\"id\":\"temp\",\"d\":{\"groups\":[\"staff\"],\"valid_until\":\"2024-01-"
    "01T00:00:00Z\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c-jane\",\"d\":{\"person\":\"jane\",\"type\":\"card\","
    "\"value\":\"04A1B2C3\"}}\n"
    "{\"k\":\"credential\",\"id\":\"p-jane\",\"d\":{\"person\":\"jane\",\"type\":\"pin\",\"value\":"
    "\"271828\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c-bob\",\"d\":{\"person\":\"bob\",\"type\":\"card\",\"value\":"
    "\"04B0B000\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c-carl\",\"d\":{\"person\":\"carl\",\"type\":\"card\","
    "\"value\":\"04CA4100\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c-gone\",\"d\":{\"person\":\"gone\",\"type\":\"card\","
    "\"value\":\"04600E00\"}}\n"
    "{\"k\":\"credential\",\"id\":\"c-temp\",\"d\":{\"person\":\"temp\",\"type\":\"qr\",\"value\":"
    "\"K-7781\"}}\n";

struct demo {
    struct site site;
    struct sim_reader *reader[READERS];
    int mistakes;
};

static const char *const reader_names[READERS] = {"r-front", "r-server", "r-lobby", "r-attic"};

/* One read that the demo presents. */
struct scene {
    const char *who;
    int reader;
    const char *json; /* without its id; NULL = the bytes are no JSON */
    const char *reason;
    bool released;
};

static const struct scene scenes[] = {
    {"Jane, card", 0, "\"type\":\"card\",\"value\":\"04:a1:b2:c3\",\"age_ms\":0", "granted", true},
    {"Jane, card", 1, "\"type\":\"card\",\"value\":\"04A1B2C3\",\"age_ms\":0", "granted", true},
    {"Jane, PIN", 2, "\"type\":\"pin\",\"value\":\"271828\",\"age_ms\":0", "granted", true},
    {"Jane, PIN", 1, "\"type\":\"pin\",\"value\":\"271828\",\"age_ms\":0",
     "credential_type_not_accepted", false},
    {"Bob, card", 1, "\"type\":\"card\",\"value\":\"04B0B000\",\"age_ms\":0", "no_permission",
     false},
    {"Carl, card", 2, "\"type\":\"card\",\"value\":\"04CA4100\",\"age_ms\":0", "outside_schedule",
     false},
    {"left in May", 2, "\"type\":\"card\",\"value\":\"04600E00\",\"age_ms\":0", "person_disabled",
     false},
    {"visitor, QR", 2, "\"type\":\"qr\",\"value\":\"K-7781\",\"age_ms\":0", "person_expired",
     false},
    {"a found card", 2, "\"type\":\"card\",\"value\":\"DEADBEEF\",\"age_ms\":0",
     "credential_unknown", false},
    {"Bob, a minute ago", 0, "\"type\":\"card\",\"value\":\"04B0B000\",\"age_ms\":60000",
     "read_stale", false},
    {"a broken reader", 0, "\"type\":\"card\",\"value\":\"xyz\",\"age_ms\":0", "read_malformed",
     false},
    {"Jane, no such reader", 3, "\"type\":\"card\",\"value\":\"04A1B2C3\",\"age_ms\":0",
     "reader_unknown", false},
};

static void blame(struct demo *d, const char *what)
{
    printf("  >>> that is wrong: %s\n", what);
    d->mistakes++;
}

static double ms_between(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / 1e6;
}

static void play_scene(struct demo *d, const struct scene *s, int n)
{
    char json[256], id[32], relay[32] = "-";
    struct feedback answer;
    struct simwatch_change change;
    int64_t sent;
    snprintf(id, sizeof id, "scene-%d", n);
    snprintf(json, sizeof json, "{\"id\":\"%s\",%s}", id, s->json);
    if (!sim_reader_send(d->reader[s->reader], json, &sent) ||
        !sim_reader_wait_feedback(d->reader[s->reader], id, 1, WAIT_MS, &answer)) {
        blame(d, "there was no answer");
        return;
    }
    if (s->released) {
        if (!simwatch_wait(d->site.watch, s->reader, energized_is_released[s->reader], WAIT_MS,
                           &change))
            blame(d, "the relay was not released");
        else
            snprintf(relay, sizeof relay, "released %.2f ms", ms_between(sent, change.mono_ns));
    }
    printf("  %-21s %-10s %-8s %-30s %-17s %7.2f ms\n", s->who, reader_names[s->reader],
           answer.decision, answer.reason, relay, ms_between(sent, answer.arrived_ns));
    if (strcmp(answer.reason, s->reason) != 0)
        blame(d, s->reason);
}

/* Presents one card, as a reader does, until it is answered. */
static bool present(struct demo *d, int reader, const char *id, const char *value,
                    struct feedback *answer)
{
    return sim_reader_present_until_answered(d->reader[reader], id, value, REPEAT_MS, WAIT_MS,
                                             answer, NULL, NULL);
}

static void act_reads(struct demo *d)
{
    printf("\nReads, each presented once; times from the publish, seen at the board and at the "
           "reader\n");
    printf("  %-21s %-10s %-8s %-30s %-17s %10s\n", "who", "reader", "decision", "reason", "relay",
           "answer");
    uint64_t edges[3];
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        play_scene(d, &scenes[i], (int)i);
    for (int relay = 0; relay < 3; relay++) {
        if (!simwatch_wait_level(d->site.watch, relay, !energized_is_released[relay], WAIT_MS))
            blame(d, "a door did not lock again");
        edges[relay] = simwatch_edges(d->site.watch, relay);
    }
    printf("  all doors locked again: %" PRIu64 " relay changes, two for each release\n",
           edges[0] + edges[1] + edges[2]);
    if (edges[0] + edges[1] + edges[2] != 6)
        blame(d, "there should have been 6");
}

/* Presents half of the outage's reads; returns how many were granted. */
static int play_half(struct demo *d, int from, int to)
{
    static const char *const cards[] = {"04A1B2C3", "04B0B000", "04CA4100"};
    int granted = 0;
    for (int i = from; i < to; i++) {
        char id[32];
        struct feedback answer;
        snprintf(id, sizeof id, "outage-%d", i);
        if (!present(d, i % 3, id, cards[i / 3 % 3], &answer)) {
            blame(d, "a read was not answered");
            break;
        }
        granted += strcmp(answer.decision, "granted") == 0;
    }
    return granted;
}

static bool restart_gatehoused(struct demo *d)
{
    if (!site_kill_gatehoused(&d->site) || !site_start_gatehoused(&d->site))
        return false;
    for (int i = 0; i < READERS; i++)
        if (!mqtt_client_connect_again(sim_reader_client(d->reader[i]), WAIT_MS))
            return false;
    return true;
}

static void act_outage(struct demo *d)
{
    printf("\nThe cloud is cut off\n");
    if (!process_kill(&d->site.cloud))
        blame(d, "the cloud does not stop");
    int64_t before = site_status_number(&d->site, "journal", "next_seq");
    int64_t start = wait_now_ns();
    int granted = play_half(d, 0, OUTAGE_READS / 2);
    printf("  %d reads, %d granted, all answered; then gatehoused is killed and started again\n",
           OUTAGE_READS / 2, granted);
    if (!restart_gatehoused(d)) {
        blame(d, "gatehoused did not come back");
        return;
    }
    int more = play_half(d, OUTAGE_READS / 2, OUTAGE_READS);
    double seconds = (double)(wait_now_ns() - start) / 1e9;
    int64_t queued = site_status_number(&d->site, "journal", "queued");
    printf("  %d reads more, %d granted, all answered (%.1f s in all)\n", OUTAGE_READS / 2, more,
           seconds);
    printf("  %" PRId64 " events wait for the cloud\n", queued);
    /* Jane passes everywhere, Bob at two of three doors, Carl nowhere. */
    if (granted + more != OUTAGE_READS / 9 * 5 + 5)
        blame(d, "another number should have been granted");
    if (queued < OUTAGE_READS ||
        site_status_number(&d->site, "journal", "next_seq") < before + OUTAGE_READS)
        blame(d, "events are missing from the journal");
}

static void act_return(struct demo *d)
{
    struct site_tally tally;
    printf("\nThe link returns\n");
    int64_t start = wait_now_ns();
    if (!site_start_cloud(&d->site) || !site_wait_drained(&d->site, 60000)) {
        blame(d, "the backlog did not drain");
        return;
    }
    printf("  backlog drained in %.1f s\n", (double)(wait_now_ns() - start) / 1e9);
    /* What the daemons journalled last is there with it. */
    int64_t newest = site_status_number(&d->site, "journal", "acked_seq");
    if (!site_tally(&d->site, &tally)) {
        blame(d, "the cloud does not say what it has");
        return;
    }
    if (tally.first_seq != 1)
        tally.missing += tally.first_seq - 1;
    if (tally.last_seq < newest)
        tally.missing += newest - tally.last_seq;
    printf("  %" PRId64 " events at the cloud, %" PRId64 " missing, %" PRId64 " doubled\n",
           tally.count, tally.missing, tally.doubled);
    if (tally.missing || tally.doubled || tally.count < OUTAGE_READS)
        blame(d, "every event must be there, in order, none twice");
}

static void act_revocation(struct demo *d)
{
    struct feedback answer;
    int64_t start = wait_now_ns();
    printf("\nBob loses his access at the cloud\n");
    if (!present(d, 0, "bob-before", "04B0B000", &answer) ||
        strcmp(answer.decision, "granted") != 0)
        blame(d, "he should have had it");
    if (!site_put_rows(&d->site, "{\"k\":\"person\",\"id\":\"bob\",\"d\":{\"enabled\":false,"
                                 "\"groups\":[\"staff\"]}}\n") ||
        !site_wait_policy(&d->site, WAIT_MS)) {
        blame(d, "the change did not arrive");
        return;
    }
    double seconds = (double)(wait_now_ns() - start) / 1e9;
    if (!present(d, 0, "bob-after", "04B0B000", &answer))
        blame(d, "there was no answer");
    printf("  %.2f s later at the front door: %s, %s\n", seconds, answer.decision, answer.reason);
    if (strcmp(answer.reason, "person_disabled") != 0)
        blame(d, "he must be denied as person_disabled");
}

static bool open_site(struct demo *d)
{
    struct site_options options = {.config = doors,
                                   .site_lines = "reads_per_s = 1000\nreads_burst = 1000"};
    if (!site_make(&d->site, &options) || !site_start_broker(&d->site) ||
        !site_start_cloud(&d->site) || !site_put_rows(&d->site, policy) ||
        !site_start_gatehoused(&d->site) || !site_start_syncd(&d->site))
        return false;
    for (int i = 0; i < READERS; i++)
        if (!(d->reader[i] = sim_reader_open(d->site.broker.port, reader_names[i])))
            return false;
    return site_wait_policy(&d->site, WAIT_MS);
}

int main(void)
{
    struct demo d = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("Gatehouse: a card read opens a door, with and without the cloud\n\n"
           "  readers --MQTT--> mosquitto --> gatehoused --> relays (simulated)\n"
           "                                   |      ^\n"
           "                            journal.db  replica.db\n"
           "                                   v      |\n"
           "                               gatehouse-syncd --HTTPS--> cloud\n\n");
    if (open_site(&d)) {
        printf("Up: 3 doors, policy revision %" PRId64 " synced over HTTPS\n",
               site_cloud_rev(&d.site));
        act_reads(&d);
        act_outage(&d);
        act_return(&d);
        act_revocation(&d);
    } else {
        blame(&d, "the site did not come up (see above)");
    }
    for (int i = 0; i < READERS; i++)
        if (d.reader[i])
            sim_reader_close(d.reader[i]);
    site_end(&d.site);
    printf(d.mistakes ? "\nFAILED: %d things went wrong\n" : "\nAll of it came out as it must.\n",
           d.mistakes);
    return d.mistakes ? 1 : 0;
}
