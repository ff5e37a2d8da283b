/* kill -9 of gatehoused at any instant, its start included, under 50 reads a second: nothing that
 * was answered is lost, nothing is doubled, no door opens without its event.
 *
 * A fault is one kill: at a random instant of the first half second of a life, within 3 ms of
 * a relay's release, or as soon as a reader has its answer. */
#include "campaigns/crowd.h"
#include "lib/wait.h"

#define READS_PER_S 50
#define LIFE_MS 500
#define SETTLE_MS 30000

static bool kill_once(struct crowd *crowd)
{
    struct campaign *c = crowd->campaign;
    uint32_t way = campaign_draw(c, 100), ms = campaign_draw(c, LIFE_MS), more = campaign_draw(c, 4);
    if (way < 30) {
        crowd_pass_to_answer(crowd, 2 * LIFE_MS);
    } else if (way < 60) {
        if (crowd_pass_to_release(crowd, 2 * LIFE_MS) && more > 0)
            crowd_pass(crowd, more - 1);
    } else {
        crowd_pass(crowd, ms);
    }
    return crowd_kill(crowd) && crowd_launch(crowd);
}

static bool play_at(struct crowd *crowd)
{
    crowd_rate(crowd, READS_PER_S);
    for (int i = 0; i < crowd->campaign->count && !campaign_is_over(crowd->campaign); i++)
        if (!kill_once(crowd))
            return false;
    crowd_rate(crowd, 0);
    crowd_settle(crowd, SETTLE_MS);
    return CAMPAIGN_STEP(site_wait_drained(crowd->site, SETTLE_MS)) &&
           CAMPAIGN_STEP(crowd_judge_cloud(crowd));
}

static bool play(struct campaign *c)
{
    struct crowd crowd = {0};
    static struct site site;
    bool is_played = crowd_begin(&crowd, c, &site) && play_at(&crowd);
    if (!is_played)
        process_show_log(&site.gatehoused);
    crowd_end(&crowd);
    return is_played;
}

int main(int argc, char **argv)
{
    static const struct campaign_kind kind = {
        .name = "kill9",
        .count = 60,
        .play = play,
        .bad = {{"no_repeat_check", 20}, {"answers_early", 100}},
    };
    return campaign_main(argc, argv, &kind);
}
