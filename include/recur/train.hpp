/* recur/train.hpp - losses, optimizers, clipping, sampling. Included by recur.hpp; never alone. */
#ifndef RECUR_TRAIN_HPP
#define RECUR_TRAIN_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur {

/** Label sequences, one after the other, how long each is, and its log probability. */
struct decoded {
    std::vector<int32_t> labels;
    std::vector<int64_t> lengths;
    std::vector<double> scores;
};

/** Value and gradient of a loss. */
class loss : public detail::handle<recur_loss, recur_loss_release> {
public:
    explicit loss(const recur_loss_options &o, in_context ctx = none) : handle(make(o, ctx)) {}
    explicit loss(int32_t kind, uint32_t flags = 0, in_context ctx = none)
        : handle(make(kind, flags, ctx))
    {}

    /** The value; dy is overwritten with its gradient. */
    double classes(span<const float> y, span<const int32_t> labels, span<float> dy = none) const
    {
        const auto rows = static_cast<int64_t>(labels.size());
        const int64_t width = rows ? static_cast<int64_t>(y.size()) / rows : 1;
        const float *in = detail::exactly(rows * width, y, "y");
        double value = 0;
        float *out = detail::wanted(rows * width, dy, "dy");
        detail::check(recur_loss_classes(get(), rows, width, in, labels.data(), &value, out));
        return value;
    }
    double values(int64_t features, span<const float> y, span<const float> target,
                  span<float> dy = none) const
    {
        const int64_t rows = detail::rows_of(y, features, "y");
        const float *wanted = detail::exactly(rows * features, target, "target");
        double value = 0;
        float *out = detail::wanted(rows * features, dy, "dy");
        detail::check(recur_loss_values(get(), rows, features, y.data(), wanted, &value, out));
        return value;
    }

    /** CTC: y are packed rows; labels the sequences one after the other, lengths how many labels
     * each has. */
    double sequences(const packed &p, int64_t classes, span<const float> y,
                     span<const int32_t> labels, span<const int64_t> lengths, span<float> dy = none,
                     maybe<tape> t = none) const
    {
        int64_t count = 0;
        for (int64_t length : lengths) count += length;
        const float *in = detail::exactly(p.rows() * classes, y, "y");
        const int32_t *all = detail::exactly(count, labels, "labels");
        const int64_t *each = detail::exactly(p.batch(), lengths, "lengths");
        float *out = detail::wanted(p.rows() * classes, dy, "dy");
        double value = 0;
        detail::check(recur_ctc_loss(get(), p.get(), classes, in, all, each, &value, out, t.get()));
        return value;
    }
    /** CTC: the likely label sequences, by the likeliest path (width 0) or a beam search. */
    decoded decode(const packed &p, int64_t classes, span<const float> y, int64_t width = 0,
                   maybe<tape> t = none) const
    {
        const size_t batch = detail::number(p.batch());
        decoded d{ std::vector<int32_t>(detail::number(p.rows())), std::vector<int64_t>(batch),
                   std::vector<double>(batch) };
        const float *in = detail::exactly(p.rows() * classes, y, "y");
        detail::check(recur_ctc_decode(get(), p.get(), classes, in, width, d.labels.data(),
                                       d.lengths.data(), d.scores.data(), t.get()));
        int64_t count = 0;
        for (int64_t length : d.lengths) count += length;
        d.labels.resize(detail::number(count));
        return d;
    }

    /** Sampled kinds: h are the rows below an output layer with these parameters; dh is
     * overwritten, dparams accumulates. */
    double sampled(int64_t features, span<const float> h, span<const int32_t> labels,
                   span<const float> params, uint64_t seed, uint64_t counter, span<float> dh = none,
                   span<float> dparams = none, maybe<tape> t = none) const
    {
        const auto rows = static_cast<int64_t>(labels.size()),
                   count = static_cast<int64_t>(params.size());
        const float *in = detail::exactly(rows * features, h, "h");
        float *out = detail::wanted(rows * features, dh, "dh"),
              *grads = detail::wanted(count, dparams, "dparams");
        double value = 0;
        detail::check(recur_loss_sampled(get(), rows, features, in, labels.data(), params.data(),
                                         count, seed, counter, &value, out, grads, t.get()));
        return value;
    }

private:
    static recur_loss *make(const recur_loss_options &o, in_context ctx)
    {
        recur_loss *out;
        detail::check(recur_loss_create(ctx.get(), &o, &out));
        return out;
    }
    static recur_loss *make(int32_t kind, uint32_t flags, in_context ctx)
    {
        loss_options o;
        o.kind = kind, o.flags = flags;
        return make(o, ctx);
    }
};

/** Update rule with its moments. */
class optimizer : public detail::handle<recur_optimizer, recur_optimizer_release> {
public:
    optimizer(const recur_optimizer_options &o, int64_t count, in_context ctx = none)
        : handle(make(o, count, ctx))
    {}
    /** rate 0: the kind's own. */
    optimizer(int32_t kind, double rate, int64_t count, in_context ctx = none)
        : handle(make(kind, rate, count, ctx))
    {}

    void step(span<float> params, span<const float> grads, double grad_scale = 1)
    {
        const auto count = static_cast<int64_t>(params.size());
        const float *d = detail::exactly(count, grads, "grads");
        detail::check(recur_optimizer_step(get(), params.data(), d, count, grad_scale));
    }
    double rate() const noexcept { return recur_optimizer_rate(get()); }
    void set_rate(double rate) { detail::check(recur_optimizer_set_rate(get(), rate)); }
    void set_options(const recur_optimizer_options &o)
    {
        detail::check(recur_optimizer_set_options(get(), &o));
    }
    void range(int64_t offset, int64_t count, double rate_scale, double decay_scale)
    {
        detail::check(recur_optimizer_scale_range(get(), offset, count, rate_scale, decay_scale));
    }
    inline void load(file &from, const char *prefix = nullptr);
    inline void save(file &to, const char *prefix = nullptr) const;

private:
    static recur_optimizer *make(const recur_optimizer_options &o, int64_t count, in_context ctx)
    {
        recur_optimizer *out;
        detail::check(recur_optimizer_create(ctx.get(), &o, count, &out));
        return out;
    }
    static recur_optimizer *make(int32_t kind, double rate, int64_t count, in_context ctx)
    {
        optimizer_options o;
        o.kind = kind, o.rate = rate;
        return make(o, count, ctx);
    }
};

/** Scales grads down to a norm of max_norm; gives the norm before. 0: only measures. */
inline double clip_norm(span<float> grads, double max_norm)
{
    return recur_clip_norm(grads.data(), static_cast<int64_t>(grads.size()), max_norm);
}
inline double clip_norm_inf(span<float> grads, double max_norm)
{
    return recur_clip_norm_inf(grads.data(), static_cast<int64_t>(grads.size()), max_norm);
}
inline void clip_value(span<float> grads, double limit)
{
    detail::check(recur_clip_value(grads.data(), static_cast<int64_t>(grads.size()), limit));
}

/** The gradients of a batch in shards, which are added by one tree, whichever rank has computed
 * them. */
class shards : public detail::handle<recur_shards, recur_shards_release> {
public:
    explicit shards(const recur_shards_options &o, recur_exchange_function *exchange = nullptr,
                    void *user = nullptr, in_context ctx = none)
        : handle(make(o, exchange, user, ctx)), options_(o)
    {}

    /** This rank owns the shards from first() on, below last(). */
    int64_t first() const noexcept { return recur_shards_first(get(), options_.rank); }
    int64_t last() const noexcept { return recur_shards_first(get(), options_.rank + 1); }
    /** The first of so many sequences that a shard has. */
    int64_t sequence(int64_t sequences, int64_t shard) const noexcept
    {
        return recur_shards_sequence(get(), sequences, shard);
    }
    /** Where the gradient of the next shard goes: zeros. */
    span<float> gradient()
    {
        float *grads = recur_shards_gradient(get());
        if (!grads) throw error(RECUR_E_ORDER, recur_last_error());
        return span<float>(grads, detail::number(options_.count));
    }
    void add(span<const double> numbers = none)
    {
        detail::check(
            recur_shards_add(get(), detail::exactly(options_.numbers, numbers, "numbers")));
    }
    /** The sums over all shards of all ranks. */
    void sum(span<float> grads, span<double> numbers = none)
    {
        float *to = detail::exactly(options_.count, grads, "grads");
        detail::check(
            recur_shards_sum(get(), to, detail::exactly(options_.numbers, numbers, "numbers")));
    }
    void reset() { detail::check(recur_shards_reset(get())); }
    /** values: as many for each shard; those of other ranks are filled in. */
    void gather(span<float> values)
    {
        const auto count = static_cast<int64_t>(values.size());
        const int64_t all = options_.shards > 0 ? options_.shards : 1;
        if (count % all) throw error(RECUR_E_SHAPE, "values: not as many for each shard");
        detail::check(recur_shards_gather(get(), count / all, values.data()));
    }

private:
    recur_shards_options options_;
    static recur_shards *make(const recur_shards_options &o, recur_exchange_function *exchange,
                              void *user, in_context ctx)
    {
        recur_shards *out;
        detail::check(recur_shards_create(ctx.get(), &o, exchange, user, &out));
        return out;
    }
};

/** A learning rate as a function of the step, for set_rate. */
struct schedule : options<recur_schedule> {
    double at(int64_t step) const
    {
        const double now = recur_schedule_rate(this, step);
        if (now != now) throw error(RECUR_E_ARGUMENT, recur_last_error());
        return now;
    }
};

/** A learning rate that falls when a value no longer improves. */
struct plateau : options<recur_plateau> {
    /** Takes one more value into account; gives the rate. */
    double step(double value)
    {
        detail::check(recur_plateau_step(this, value));
        return rate;
    }
};

/** Draws one id per row of logits. */
inline void sample(int64_t classes, span<const float> logits, span<int32_t> ids, uint64_t seed,
                   uint64_t counter = 0, const sample_options &o = {})
{
    const auto rows = static_cast<int64_t>(ids.size());
    const float *in = detail::exactly(rows * classes, logits, "logits");
    detail::check(recur_sample(&o, rows, classes, in, seed, counter, ids.data()));
}
inline uint64_t random(uint64_t seed, uint64_t counter) noexcept
{
    return recur_random(seed, counter);
}
inline uint32_t version() noexcept { return recur_version(); }

} // namespace recur

#endif
