/* schedule.c - learning rates over time: as a function of the step, and by watching whether a
 * number still improves.
 *
 * With t = step - warm_up and n = period:
 *
 *     step < warm_up   rate (step+1)/warm_up
 *     constant         rate
 *     step             rate gamma^floor(t/n)
 *     exponential      rate gamma^(t/n)
 *     cosine           rate - (rate - final_rate) (1 - cos(π t/(n - warm_up)))/2, final_rate from
 * step n on */
#include <math.h>

#include "base/base.h"

/* ---- a function of the step ----------------------------------------------------------------- */

static const char *name_of(int32_t kind)
{
    static const char *const names[] = { "constant", "step", "exponential", "cosine" };
    return kind >= RECUR_SCHEDULE_CONSTANT && kind <= RECUR_SCHEDULE_COSINE ? names[kind] : NULL;
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
                           "recur_schedule_rate: a %s schedule has no %s, which is %g", kind,
                           member, value);
    return RECUR_OK;
}

static recur_status check_schedule(const recur_schedule *s, int64_t step)
{
    const char *kind = name_of(s->kind);
    if (!kind)
        return recur__fail(RECUR_E_ARGUMENT, "recur_schedule_rate: kind %d is unknown",
                           (int)s->kind);
    const bool cosine = s->kind == RECUR_SCHEDULE_COSINE,
               constant = s->kind == RECUR_SCHEDULE_CONSTANT;
    RECUR__CHECK(check_number(kind, "rate", true, s->rate));
    RECUR__CHECK(check_number(kind, "final_rate", cosine, s->final_rate));
    RECUR__CHECK(check_number(kind, "gamma", !cosine && !constant, s->gamma));
    if (step < 0 || s->period < 0 || s->warm_up < 0)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_schedule_rate: step %lld, period %lld, warm_up %lld: one is negative",
            (long long)step, (long long)s->period, (long long)s->warm_up);
    if (constant && s->period)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: a constant schedule has no period, which is %lld",
                           (long long)s->period);
    if (s->kind == RECUR_SCHEDULE_EXPONENTIAL && s->gamma == 0)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_schedule_rate: an exponential schedule needs a gamma, which is 0");
    if (s->kind == RECUR_SCHEDULE_STEP && s->period == 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_schedule_rate: a step schedule needs a period, which is 0");
    if (cosine && s->period <= s->warm_up)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_schedule_rate: period is %lld: all steps, those of warm_up, %lld, among them",
            (long long)s->period, (long long)s->warm_up);
    return RECUR_OK;
}

static double cosine_rate(const recur_schedule *s, int64_t step)
{
    static const double pi = 3.14159265358979323846;
    if (step >= s->period) return s->final_rate;
    const double part = (double)(step - s->warm_up) / (double)(s->period - s->warm_up);
    return s->rate - (s->rate - s->final_rate) * (1 - cos(pi * part)) / 2;
}

double recur_schedule_rate(const recur_schedule *schedule, int64_t step)
{
    recur_schedule s;
    if (!schedule) {
        recur__fail(RECUR_E_ARGUMENT, "recur_schedule_rate: schedule is NULL");
        return NAN;
    }
    if (recur__take("recur_schedule", schedule, &s, sizeof s) || check_schedule(&s, step))
        return NAN;
    if (step < s.warm_up) return s.rate * ((double)step + 1) / (double)s.warm_up;
    const int64_t t = step - s.warm_up;
    switch (s.kind) {
    case RECUR_SCHEDULE_STEP:
        return s.rate * pow(s.gamma > 0 ? s.gamma : 0.1, (double)(t / s.period));
    case RECUR_SCHEDULE_EXPONENTIAL:
        return s.rate * pow(s.gamma, (double)t / (double)(s.period > 0 ? s.period : 1));
    case RECUR_SCHEDULE_COSINE:
        return cosine_rate(&s, step);
    default:
        return s.rate;
    }
}

/* ---- by watching ---------------------------------------------------------------------------- */

enum {
    PLATEAU_FLAGS = RECUR_PLATEAU_MAXIMUM | RECUR_PLATEAU_ABSOLUTE | RECUR_PLATEAU_PATIENCE_ZERO |
                    RECUR_PLATEAU_THRESHOLD_ZERO
};

static recur_status check_plateau(const recur_plateau *p)
{
    if (p->flags & ~(uint32_t)PLATEAU_FLAGS)
        return recur__fail(RECUR_E_ARGUMENT, "recur_plateau_step: flags %#x has an unknown bit",
                           (unsigned)p->flags);
    if (!(p->factor >= 0 && p->factor < 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: factor is %g; it must be in [0,1)", p->factor);
    if (!(p->rate >= 0 && p->rate < INFINITY && p->min_rate >= 0 && p->min_rate < INFINITY &&
          p->threshold >= 0 && p->threshold < INFINITY && p->epsilon >= 0 && p->epsilon < INFINITY))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: rate %g, min_rate %g, threshold %g, epsilon %g: "
                           "one is negative or not finite",
                           p->rate, p->min_rate, p->threshold, p->epsilon);
    if (p->patience < 0 || p->cooldown < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: patience %lld, cooldown %lld: one is negative",
                           (long long)p->patience, (long long)p->cooldown);
    if ((p->flags & RECUR_PLATEAU_PATIENCE_ZERO && p->patience) ||
        (p->flags & RECUR_PLATEAU_THRESHOLD_ZERO && p->threshold > 0))
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_plateau_step: patience is %lld, threshold %g, but a flag says that it is 0",
            (long long)p->patience, p->threshold);
    if (p->seen < 0 || p->bad < 0 || p->cooling < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_plateau_step: seen %lld, bad %lld, cooling %lld: one is negative",
                           (long long)p->seen, (long long)p->bad, (long long)p->cooling);
    return RECUR_OK;
}

/* Better than the best by more than the threshold. */
static bool improves(const recur_plateau *p, double value)
{
    const double threshold = p->flags & RECUR_PLATEAU_THRESHOLD_ZERO ? 0
                             : p->threshold > 0                      ? p->threshold
                                                                     : 1e-4;
    const double sign = p->flags & RECUR_PLATEAU_MAXIMUM ? 1 : -1;
    if (p->seen == 0) return sign * value > -INFINITY;
    const double goal = p->flags & RECUR_PLATEAU_ABSOLUTE ? p->best + sign * threshold
                                                          : p->best * (1 + sign * threshold);
    return sign * value > sign * goal;
}

static void reduce(recur_plateau *p)
{
    const double lower = fmax(p->rate * (p->factor > 0 ? p->factor : 0.1), p->min_rate);
    if (p->rate - lower > (p->epsilon > 0 ? p->epsilon : 1e-8)) p->rate = lower;
}

recur_status recur_plateau_step(recur_plateau *plateau, double value)
{
    RECUR__NOT_NULL(plateau);
    recur_plateau p;
    RECUR__CHECK(recur__take("recur_plateau", plateau, &p, sizeof p));
    RECUR__CHECK(check_plateau(&p));
    const int64_t patience = p.flags & RECUR_PLATEAU_PATIENCE_ZERO ? 0
                             : p.patience > 0                      ? p.patience
                                                                   : 10;
    if (improves(&p, value)) {
        p.best = value;
        p.seen++;
        p.bad = 0;
    } else
        p.bad++;
    if (p.cooling > 0) {
        p.cooling--;
        p.bad = 0;
    }
    if (p.bad > patience) {
        reduce(&p);
        p.cooling = p.cooldown;
        p.bad = 0;
    }
    return recur__give("recur_plateau", &p, plateau, sizeof p, sizeof p);
}
