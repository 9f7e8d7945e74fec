/* recur/state.hpp - hidden state between calls, tapes, and the passes that take them. Included by
 * recur.hpp; never alone. */
#ifndef RECUR_STATE_HPP
#define RECUR_STATE_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur {

/** Hidden state between calls. */
class state : public detail::handle<recur_state, recur_state_release> {
public:
    explicit state(const layer &l, int64_t batch = 1) : handle(make(l, batch)) {}

    int64_t batch() const noexcept { return recur_state_batch(get()); }
    int64_t count() const noexcept { return recur_state_count(get()); }
    std::vector<recur_tensor> tensors() const
    {
        return detail::tensors<recur_state>(get(), recur_state_tensor_count(get()),
                                            recur_state_tensor_info);
    }
    void reset(int64_t sequence = -1) { detail::check(recur_state_reset(get(), sequence)); }
    void copy(const state &from) { detail::check(recur_state_copy(get(), from.get())); }
    /** Sequence b becomes sequence sequences[b] of another state. */
    void gather(const state &from, span<const int64_t> sequences)
    {
        const int64_t *which = detail::exactly(batch(), sequences, "sequences");
        detail::check(recur_state_gather(get(), from.get(), which));
    }

    /** The flat vector, out and in. */
    std::vector<float> read() const
    {
        std::vector<float> all(detail::number(count()));
        if (!all.empty()) detail::check(recur_state_read(get(), 0, count(), all.data()));
        return all;
    }
    void read(int64_t offset, span<float> to) const
    {
        detail::check(recur_state_read(get(), offset, static_cast<int64_t>(to.size()), to.data()));
    }
    void write(int64_t offset, span<const float> from)
    {
        detail::check(
            recur_state_write(get(), offset, static_cast<int64_t>(from.size()), from.data()));
    }
    inline void load(file &from, const char *prefix = nullptr);
    inline void save(file &to, const char *prefix = nullptr) const;

private:
    static recur_state *make(const layer &l, int64_t batch)
    {
        recur_state *out;
        detail::check(recur_state_create(l.get(), batch, &out));
        return out;
    }
};

/** What backward needs from forward, and scratch memory. */
class tape : public detail::handle<recur_tape, recur_tape_release> {
public:
    explicit tape(int32_t mode = RECUR_TAPE_TRAIN, in_context ctx = none) : handle(make(ctx))
    {
        set_mode(mode);
    }

    void set_mode(int32_t mode) { detail::check(recur_tape_set_mode(get(), mode)); }
    void set_seed(uint64_t seed) { detail::check(recur_tape_set_seed(get(), seed)); }
    void reserve(const layer &l, const packed &p, int64_t passes = 1)
    {
        detail::check(recur_tape_reserve(get(), l.get(), p.get(), passes));
    }
    void reset() { detail::check(recur_tape_reset(get())); }
    /** Removes the newest records without gradients: see recur_tape_drop. */
    void drop(int64_t records) { detail::check(recur_tape_drop(get(), records)); }
    /** Long passes keep states, not histories: see recur_tape_checkpoint. */
    void checkpoint(int64_t steps) { detail::check(recur_tape_checkpoint(get(), steps)); }
    /** Gradients of single steps may wait: see recur_tape_defer_gradients. */
    void defer_gradients(bool on = true) { detail::check(recur_tape_defer_gradients(get(), on)); }
    /** Adds the gradients that wait for a layer and its parts: see recur_tape_add_gradients. */
    void add_gradients(const layer &l, span<float> dparams)
    {
        float *grads = detail::exactly(l.count(), dparams, "dparams");
        detail::check(recur_tape_add_gradients(get(), l.get(), grads));
    }
    /** The function sees every recurrent part of recorded passes, and must not throw; NULL: no
     * trace. */
    void trace(recur_trace_function *function, void *user = nullptr)
    {
        detail::check(recur_tape_trace(get(), function, user));
    }
    int64_t records() const noexcept { return recur_tape_records(get()); }
    size_t bytes() const noexcept { return recur_tape_bytes(get()); }

private:
    static recur_tape *make(in_context ctx)
    {
        recur_tape *out;
        detail::check(recur_tape_create(ctx.get(), &out));
        return out;
    }
};

/* ---- passes -------------------------------------------------------------------------------------
 */

inline void layer::forward(const packed &p, span<const float> x, span<float> y, maybe<tape> t,
                           maybe<state> s) const
{
    const float *in = detail::exactly(p.rows() * input_size_, x, "x");
    float *out = detail::wanted(rows(p) * output_size_, y, "y");
    detail::check(recur_layer_forward(get(), p.get(), in, s.get(), out, t.get()));
}

inline void layer::forward(const packed &p, span<const int32_t> ids, span<float> y, maybe<tape> t,
                           maybe<state> s) const
{
    const int32_t *in = detail::exactly(p.rows(), ids, "ids");
    float *out = detail::wanted(rows(p) * output_size_, y, "y");
    detail::check(recur_layer_forward_ids(get(), p.get(), in, s.get(), out, t.get()));
}

template <class Input>
std::vector<float> layer::run(const packed &p, const Input &x, maybe<state> s) const
{
    std::vector<float> y(detail::number(rows(p) * output_size_));
    forward(p, x, y, none, s);
    return y;
}

inline void layer::backward(const packed &p, span<const float> x, span<const float> dy,
                            span<float> dparams, tape &t, span<float> dx, maybe<state> ds) const
{
    const float *in = detail::exactly(p.rows() * input_size_, x, "x");
    const float *dout = detail::wanted(rows(p) * output_size_, dy, "dy");
    float *din = detail::wanted(p.rows() * input_size_, dx, "dx"),
          *grads = detail::wanted(count(), dparams, "dparams");
    detail::check(recur_layer_backward(get(), p.get(), in, dout, ds.get(), din, grads, t.get()));
}

inline void layer::backward(const packed &p, span<const int32_t> ids, span<const float> dy,
                            span<float> dparams, tape &t, maybe<state> ds) const
{
    const int32_t *in = detail::exactly(p.rows(), ids, "ids");
    const float *dout = detail::wanted(rows(p) * output_size_, dy, "dy");
    float *grads = detail::wanted(count(), dparams, "dparams");
    detail::check(recur_layer_backward_ids(get(), p.get(), in, dout, ds.get(), grads, t.get()));
}

inline void layer::step(span<const float> x, state &s, span<float> y, maybe<tape> t) const
{
    const float *in = detail::exactly(s.batch() * input_size_, x, "x");
    float *out = detail::wanted(s.batch() * output_size_, y, "y");
    detail::check(recur_layer_step(get(), in, s.get(), out, t.get()));
}

inline void layer::step(span<const int32_t> ids, state &s, span<float> y, maybe<tape> t) const
{
    const int32_t *in = detail::exactly(s.batch(), ids, "ids");
    float *out = detail::wanted(s.batch() * output_size_, y, "y");
    detail::check(recur_layer_step_ids(get(), in, s.get(), out, t.get()));
}

inline void layer::step_backward(span<const float> x, span<const float> dy, state &ds,
                                 span<float> dparams, tape &t, span<float> dx) const
{
    const float *in = detail::exactly(ds.batch() * input_size_, x, "x");
    const float *dout = detail::wanted(ds.batch() * output_size_, dy, "dy");
    float *din = detail::wanted(ds.batch() * input_size_, dx, "dx");
    float *grads = detail::wanted(count(), dparams, "dparams");
    detail::check(recur_layer_step_backward(get(), in, dout, ds.get(), din, grads, t.get()));
}

inline void layer::step_backward(span<const int32_t> ids, span<const float> dy, state &ds,
                                 span<float> dparams, tape &t) const
{
    const int32_t *in = detail::exactly(ds.batch(), ids, "ids");
    const float *dout = detail::wanted(ds.batch() * output_size_, dy, "dy");
    float *grads = detail::wanted(count(), dparams, "dparams");
    detail::check(recur_layer_step_backward_ids(get(), in, dout, ds.get(), grads, t.get()));
}

/** One step of a recurrence, for loops written by hand. */
class cell : public detail::handle<recur_cell, recur_cell_release> {
public:
    explicit cell(const layer &l)
        : handle(make(l)),
          input_size_(l.input_size()),
          hidden_size_(l.output_size()),
          count_(l.count())
    {}

    void step(span<const float> x, state &s, span<float> y = none, maybe<tape> t = none) const
    {
        const float *in = detail::exactly(s.batch() * input_size_, x, "x");
        detail::check(recur_cell_step(get(), in, s.get(),
                                      detail::wanted(s.batch() * hidden_size_, y, "y"), t.get()));
    }
    void step(span<const int32_t> ids, state &s, span<float> y = none, maybe<tape> t = none) const
    {
        const int32_t *in = detail::exactly(s.batch(), ids, "ids");
        detail::check(recur_cell_step_ids(
            get(), in, s.get(), detail::wanted(s.batch() * hidden_size_, y, "y"), t.get()));
    }
    void step_backward(span<const float> x, span<const float> dy, state &ds, span<float> dparams,
                       tape &t, span<float> dx = none) const
    {
        const float *in = detail::exactly(ds.batch() * input_size_, x, "x");
        const float *dout = detail::wanted(ds.batch() * hidden_size_, dy, "dy");
        float *din = detail::wanted(ds.batch() * input_size_, dx, "dx"),
              *grads = detail::wanted(count_, dparams, "dparams");
        detail::check(recur_cell_step_backward(get(), in, dout, ds.get(), din, grads, t.get()));
    }
    void step_backward(span<const int32_t> ids, span<const float> dy, state &ds,
                       span<float> dparams, tape &t) const
    {
        const int32_t *in = detail::exactly(ds.batch(), ids, "ids");
        const float *dout = detail::wanted(ds.batch() * hidden_size_, dy, "dy");
        float *grads = detail::wanted(count_, dparams, "dparams");
        detail::check(recur_cell_step_backward_ids(get(), in, dout, ds.get(), grads, t.get()));
    }

private:
    static recur_cell *make(const layer &l)
    {
        recur_cell *out;
        detail::check(recur_cell_from_layer(l.get(), &out));
        return out;
    }
    int64_t input_size_, hidden_size_, count_;
};

} // namespace recur

#endif
