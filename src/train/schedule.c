/* schedule.c - learning rates over time: as a function of the step, and by watching whether a
 * number still improves.
 *
 * With t = step - warm_up and n = period:
 *
 *     step < warm_up   rate (step+1)/warm_up
 *     constant         rate
 *     step             rate gamma^floor(t/n)
 *     exponential      rate gamma^(t/n)
 *     cosine           rate - (rate - final_rate) (1 - cos(π t/(n - warm_up)))/2,
 *                      final_rate from step n on */
#include <math.h>

#include "base/elementary.h"
#include "base/base.h"

/* ---- a function of the step ----------------------------------------------------------------- */

static const recur__constant kinds[] = {
    RECUR__CONSTANT(RECUR_SCHEDULE_CONSTANT),
    RECUR__CONSTANT(RECUR_SCHEDULE_STEP),
    RECUR__CONSTANT(RECUR_SCHEDULE_EXPONENTIAL),
    RECUR__CONSTANT(RECUR_SCHEDULE_COSINE),
};

static bool is_kind(int32_t kind)
{
    return kind >= RECUR_SCHEDULE_CONSTANT && kind <= RECUR_SCHEDULE_COSINE;
}

static const char *name_of(int32_t kind)
{
    static const char *const names[] = { "constant", "step", "exponential", "cosine" };
    return names[kind];
}

static void fill_in(recur_schedule *s)
{
    if (s->kind == RECUR_SCHEDULE_STEP && s->gamma == 0) s->gamma = 0.1;
    if (s->kind == RECUR_SCHEDULE_EXPONENTIAL && s->period == 0) s->period = 1;
}

recur_status recur_schedule_init(recur_schedule *schedule, size_t size, int32_t kind)
{
    RECUR__NOT_NULL(schedule);
    if (!is_kind(kind)) return RECUR__NO_CONSTANT(__func__, "kind", kind, kinds);
    recur_schedule s = { .kind = kind };
    fill_in(&s);
    return recur__set_out(__func__, &s, sizeof s, schedule, size);
}

/* A member that must be in [0, ∞), and 0 if the kind does not have it. */
static recur_status check_number(const char *kind, const char *member, bool has, double value)
{
    if (!(value >= 0 && value < INFINITY))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: %s is %g; it must be at least 0 and finite",
                           member, value);
    if (!has && value != 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: %s is %g, but a schedule of the kind %s has none",
                           member, value, kind);
    return RECUR_OK;
}

static recur_status check_period(const recur_schedule *s)
{
    const bool needs_one = s->kind == RECUR_SCHEDULE_STEP || s->kind == RECUR_SCHEDULE_EXPONENTIAL;
    if (s->kind == RECUR_SCHEDULE_CONSTANT && s->period)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_schedule_rate: period is %lld, but a schedule of the kind constant has none",
            (long long)s->period);
    if (needs_one && s->period == 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: period is 0; set it to the number of steps "
                           "between two falls of the rate");
    if (s->kind == RECUR_SCHEDULE_COSINE && s->period <= s->warm_up)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: period is %lld, warm_up is %lld; set period to "
                           "the number of all steps, which is more than those of warm_up",
                           (long long)s->period, (long long)s->warm_up);
    return RECUR_OK;
}

static recur_status check_schedule(const recur_schedule *s, int64_t step)
{
    if (!is_kind(s->kind)) return RECUR__NO_CONSTANT("recur_schedule_rate", "kind", s->kind, kinds);
    const char *kind = name_of(s->kind);
    const bool exponential = s->kind == RECUR_SCHEDULE_EXPONENTIAL;
    const bool falls = exponential || s->kind == RECUR_SCHEDULE_STEP;
    const bool cosine = s->kind == RECUR_SCHEDULE_COSINE;
    RECUR__CHECK(check_number(kind, "rate", true, s->rate));
    RECUR__CHECK(check_number(kind, "final_rate", cosine, s->final_rate));
    RECUR__CHECK(check_number(kind, "gamma", falls, s->gamma));
    if (step < 0 || s->period < 0 || s->warm_up < 0)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_schedule_rate: step %lld, period %lld, warm_up %lld: one is negative",
            (long long)step, (long long)s->period, (long long)s->warm_up);
    if (exponential && s->gamma == 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: gamma is 0; set it to the factor by which the "
                           "rate falls in a period");
    return check_period(s);
}

static double cosine_rate(const recur_schedule *s, int64_t step)
{
    if (step >= s->period) return s->final_rate;
    const double part = (double)(step - s->warm_up) / (double)(s->period - s->warm_up);
    return s->rate - (s->rate - s->final_rate) * (1 - recur__cos_pi(part)) / 2;
}

double recur_schedule_rate(const recur_schedule *schedule, int64_t step)
{
    if (!schedule) {
        recur__fail(RECUR_E_ARGUMENT, "recur_schedule_rate: schedule is NULL");
        return NAN;
    }
    recur_schedule s;
    if (recur__take("recur_schedule", schedule, &s, sizeof s)) return NAN;
    if (!recur__is_exact(schedule)) fill_in(&s);
    if (check_schedule(&s, step)) return NAN;
    if (step < s.warm_up) return s.rate * ((double)step + 1) / (double)s.warm_up;
    const int64_t t = step - s.warm_up;
    switch (s.kind) {
    case RECUR_SCHEDULE_STEP:
        return s.rate * recur__pow(s.gamma, (double)(t / s.period));
    case RECUR_SCHEDULE_EXPONENTIAL:
        return s.rate * recur__pow(s.gamma, (double)t / (double)s.period);
    case RECUR_SCHEDULE_COSINE:
        return cosine_rate(&s, step);
    default:
        return s.rate;
    }
}

/* ---- by watching ---------------------------------------------------------------------------- */

static void fill_in_plateau(recur_plateau *p)
{
    if (p->factor == 0) p->factor = 0.1;
    if (p->threshold == 0) p->threshold = 1e-4;
    if (p->epsilon == 0) p->epsilon = 1e-8;
    if (p->patience == 0) p->patience = 10;
}

recur_status recur_plateau_init(recur_plateau *plateau, size_t size)
{
    RECUR__NOT_NULL(plateau);
    recur_plateau p = { 0 };
    fill_in_plateau(&p);
    return recur__set_out(__func__, &p, sizeof p, plateau, size);
}

static bool at_least_0(double value) { return value >= 0 && value < INFINITY; }

static recur_status check_plateau(const recur_plateau *p)
{
    RECUR__CHECK(recur__check_flags("recur_plateau_step", p->flags,
                                    RECUR_PLATEAU_MAXIMUM | RECUR_PLATEAU_ABSOLUTE,
                                    "RECUR_PLATEAU_MAXIMUM and _ABSOLUTE"));
    if (!(p->factor >= 0 && p->factor < 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: factor is %g; it must be in [0,1)", p->factor);
    if (!at_least_0(p->rate) || !at_least_0(p->min_rate) || !at_least_0(p->threshold) ||
        !at_least_0(p->epsilon))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: rate %g, min_rate %g, threshold %g, epsilon %g: "
                           "one is negative or not finite",
                           p->rate, p->min_rate, p->threshold, p->epsilon);
    if (p->patience < 0 || p->cooldown < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: patience %lld, cooldown %lld: one is negative",
                           (long long)p->patience, (long long)p->cooldown);
    if (p->improvements < 0 || p->bad < 0 || p->cooling < 0)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_plateau_step: improvements %lld, bad %lld, cooling %lld: one is negative",
            (long long)p->improvements, (long long)p->bad, (long long)p->cooling);
    return RECUR_OK;
}

/* Better than the best by more than the threshold. The first number is better than none. */
static bool improves(const recur_plateau *p, double value)
{
    const double sign = p->flags & RECUR_PLATEAU_MAXIMUM ? 1 : -1;
    if (p->improvements == 0) return sign * value > -INFINITY;
    if (p->flags & RECUR_PLATEAU_ABSOLUTE)
        return sign * value > sign * (p->best + sign * p->threshold);
    return sign * value > sign * (p->best * (1 + sign * p->threshold));
}

static void lower_rate(recur_plateau *p)
{
    const double lower = fmax(p->rate * p->factor, p->min_rate);
    if (p->rate - lower > p->epsilon) p->rate = lower;
}

/* A counter that is full stays so. */
static void count_up(int64_t *counter)
{
    if (*counter < INT64_MAX) (*counter)++;
}

static void take_into_account(recur_plateau *p, double value)
{
    if (improves(p, value)) {
        p->best = value;
        count_up(&p->improvements);
        p->bad = 0;
    } else {
        count_up(&p->bad);
    }
    if (p->cooling > 0) {
        p->cooling--;
        p->bad = 0;
    }
    if (p->bad > p->patience) {
        lower_rate(p);
        p->cooling = p->cooldown;
        p->bad = 0;
    }
}

recur_status recur_plateau_step(recur_plateau *plateau, double value)
{
    RECUR__NOT_NULL(plateau);
    recur_plateau given;
    RECUR__CHECK(recur__take("recur_plateau", plateau, &given, sizeof given));
    recur_plateau p = given;
    if (!recur__is_exact(plateau)) fill_in_plateau(&p);
    RECUR__CHECK(check_plateau(&p));
    take_into_account(&p, value);
    p.factor = given.factor; /* the caller's options stay as they are */
    p.threshold = given.threshold;
    p.epsilon = given.epsilon;
    p.patience = given.patience;
    return recur__give("recur_plateau", &p, plateau, sizeof p, sizeof p);
}
