/* recur/layer.hpp - anything that maps rows to rows, and how layers are made. Included by
 * recur.hpp; never alone. */
#ifndef RECUR_LAYER_HPP
#define RECUR_LAYER_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur
{

class file;
class state;
class tape;

/** Anything that maps rows to rows. Made by lstm(), linear(), sequential() ... below. */
class layer : public detail::handle<recur_layer, recur_layer_release>
{
  public:
    /** Takes over a handle of C. */
    explicit layer(recur_layer *owned) : handle(owned)
    {
        const recur_layer_info info = describe();
        input_size_ = info.input_size, output_size_ = info.output_size;
    }
    /** The part of this name, which shares the parameters; offset: where they start in params(). */
    layer child(const char *name, int64_t *offset = nullptr) const
    {
        recur_layer *out;
        detail::check(recur_layer_child(get(), name, &out, offset));
        return layer(out);
    }
    /** A copy that can be trained on, with parameters of its own. */
    layer copy() const
    {
        recur_layer *out;
        detail::check(recur_layer_copy(get(), &out));
        return layer(out);
    }
    /** Another handle on the same layer. */
    layer share() const { return layer(recur_layer_retain(get())); }
    /** An immutable copy for running, by any number of threads. precision: RECUR_PRECISION_*. */
    layer snapshot(int32_t precision = RECUR_PRECISION_FLOAT32) const
    {
        recur_layer *out;
        detail::check(recur_layer_snapshot(get(), precision, &out));
        return layer(out);
    }
    /** Rounds parameters to those of a snapshot with fewer bits: recur_quantise_params. */
    void quantise_params(int32_t precision, span<const float> from, span<float> to) const
    {
        detail::check(recur_quantise_params(get(), precision,
                                            detail::exactly(count(), from, "from"),
                                            detail::exactly(count(), to, "to")));
    }
    /** A snapshot with fewer bits, and what it costs on data: recur_quantise. */
    layer quantise(const recur_quantise_options &o, recur_quantise_report *report = nullptr) const
    {
        recur_layer *out;
        detail::check(recur_quantise(get(), &o, &out, report));
        return layer(out);
    }

    recur_layer_info describe(int64_t part = -1) const
    {
        options<recur_layer_info> info;
        detail::check(recur_layer_describe(get(), part, &info));
        return info;
    }
    int64_t input_size() const noexcept { return input_size_; }
    int64_t output_size() const noexcept { return output_size_; }
    int64_t rows(const packed &p) const noexcept { return recur_layer_rows(get(), p.get()); }
    /** How many bytes it takes with a layout; flags: RECUR_MEMORY_*. */
    recur_memory memory(const packed &p, uint32_t flags = 0) const
    {
        options<recur_memory> m;
        detail::check(recur_layer_memory(get(), p.get(), flags, &m));
        return m;
    }

    int64_t count() const noexcept { return recur_layer_param_count(get()); }
    span<float> params() { return slice(0, count()); }
    span<const float> params() const
    {
        return span<const float>(recur_layer_params(get()), detail::number(count()));
    }
    std::vector<recur_tensor> tensors() const
    {
        return detail::tensors<recur_layer>(get(), recur_layer_tensor_count(get()),
                                            recur_layer_tensor_info);
    }
    /** One tensor of the parameters, by its name. */
    span<float> param(const std::string &name)
    {
        for (const recur_tensor &t : tensors())
            if (name == t.name) return slice(t.offset, t.count);
        throw error(RECUR_E_MISSING, "the layer has no tensor called \"" + name + "\"");
    }

    void init(uint64_t seed) { init(nullptr, RECUR_INIT_DEFAULT, 0, seed); }
    /** match: a pattern for whole names, such as "rnn.*"; nullptr: all. */
    void init(const char *match, int32_t scheme, double value, uint64_t seed = 0)
    {
        detail::check(recur_layer_init(get(), match, scheme, value, seed));
    }
    inline void load(file &from, const char *prefix = nullptr);
    inline void save(file &to, const char *prefix = nullptr) const;

    /** Runs the layer over a batch, of rows or of ids. */
    inline void forward(const packed &p, span<const float> x, span<float> y, maybe<tape> t = none,
                        maybe<state> s = none) const;
    inline void forward(const packed &p, span<const int32_t> ids, span<float> y,
                        maybe<tape> t = none, maybe<state> s = none) const;
    /** The same without a tape, into a new array. */
    template <class Input>
    std::vector<float> run(const packed &p, const Input &x, maybe<state> s = none) const;

    /** Plays back the newest record: dparams is added to, dx and ds are overwritten. */
    inline void backward(const packed &p, span<const float> x, span<const float> dy,
                         span<float> dparams, tape &t, span<float> dx = none,
                         maybe<state> ds = none) const;
    inline void backward(const packed &p, span<const int32_t> ids, span<const float> dy,
                         span<float> dparams, tape &t, maybe<state> ds = none) const;

    /** One step of every sequence of a state: streaming, or recorded on a tape. */
    inline void step(span<const float> x, state &s, span<float> y = none,
                     maybe<tape> t = none) const;
    inline void step(span<const int32_t> ids, state &s, span<float> y = none,
                     maybe<tape> t = none) const;
    /** Plays back the newest recorded step. */
    inline void step_backward(span<const float> x, span<const float> dy, state &ds,
                              span<float> dparams, tape &t, span<float> dx = none) const;
    inline void step_backward(span<const int32_t> ids, span<const float> dy, state &ds,
                              span<float> dparams, tape &t) const;

  private:
    span<float> slice(int64_t offset, int64_t n)
    {
        float *all = recur_layer_params(get());
        if (!all && n)
            throw error(RECUR_E_UNSUPPORTED, "a snapshot has no parameters to read or write");
        return all ? span<float>(all + offset, detail::number(n)) : span<float>();
    }
    int64_t input_size_ = 0, output_size_ = 0;
};

namespace detail
{

/** Calls a create function, whose last parameter is where the layer goes. */
template <class... Parameters, class... Arguments>
layer make_layer(recur_status (*create)(recur_context *, Parameters...), in_context ctx,
                 Arguments... arguments)
{
    recur_layer *out;
    check(create(ctx.get(), arguments..., &out));
    return layer(out);
}

} // namespace detail

/** Cells over time; o.cell says which. */
inline layer recurrent(const recur_recurrent_options &o, in_context ctx = none)
{
    return detail::make_layer(recur_recurrent_create, ctx, &o);
}
inline layer recurrent(int32_t cell, int64_t input_size, int64_t hidden_size,
                       recur_recurrent_options o, in_context ctx = none)
{
    o.cell = cell, o.input_size = input_size, o.hidden_size = hidden_size;
    return recurrent(o, ctx);
}
inline layer rnn(int64_t input_size, int64_t hidden_size, const recurrent_options &o = {},
                 in_context ctx = none)
{
    return recurrent(RECUR_CELL_RNN_TANH, input_size, hidden_size, o, ctx);
}
inline layer lstm(int64_t input_size, int64_t hidden_size, const recurrent_options &o = {},
                  in_context ctx = none)
{
    return recurrent(RECUR_CELL_LSTM, input_size, hidden_size, o, ctx);
}
inline layer gru(int64_t input_size, int64_t hidden_size, const recurrent_options &o = {},
                 in_context ctx = none)
{
    return recurrent(RECUR_CELL_GRU, input_size, hidden_size, o, ctx);
}
inline layer linear(int64_t in_features, int64_t out_features, uint32_t flags = 0,
                    in_context ctx = none)
{
    return detail::make_layer(recur_linear_create, ctx, in_features, out_features, flags);
}
inline layer embedding(int64_t symbols, int64_t width, in_context ctx = none)
{
    return detail::make_layer(recur_embedding_create, ctx, symbols, width, 0u);
}
inline layer last(int64_t features, int32_t direction = RECUR_DIRECTION_FORWARD,
                  in_context ctx = none)
{
    return detail::make_layer(recur_last_create, ctx, features, direction);
}
inline layer dropout(int64_t features, double probability, in_context ctx = none)
{
    return detail::make_layer(recur_dropout_create, ctx, features, probability);
}
inline layer activation(int64_t features, int32_t function, in_context ctx = none)
{
    return detail::make_layer(recur_activation_create, ctx, features, function);
}

/** Layer normalisation; epsilon 0: 1e-5. */
inline layer norm(int64_t features, double epsilon = 0, uint32_t flags = 0, in_context ctx = none)
{
    return detail::make_layer(recur_norm_create, ctx, features, epsilon, flags);
}
/** Without the mean; epsilon 0: 1e-5. */
inline layer rms_norm(int64_t features, double epsilon = 0, in_context ctx = none)
{
    return detail::make_layer(recur_rms_norm_create, ctx, features, epsilon);
}
/** Of groups of the channels of a row, which is [channels][length]. */
inline layer group_norm(int64_t channels, int64_t length, int64_t groups, double epsilon = 0,
                        in_context ctx = none)
{
    return detail::make_layer(recur_group_norm_create, ctx, channels, length, groups, epsilon);
}
/** A weight and a bias for each channel of a row, which is [channels][length]. */
inline layer affine(int64_t channels, int64_t length = 1, uint32_t flags = 0, in_context ctx = none)
{
    return detail::make_layer(recur_affine_create, ctx, channels, length, flags);
}
inline layer prelu(int64_t channels, int64_t length = 1, in_context ctx = none)
{
    return detail::make_layer(recur_prelu_create, ctx, channels, length);
}
inline layer softmax(int64_t features, in_context ctx = none)
{
    return detail::make_layer(recur_softmax_create, ctx, features);
}

/** Options of conv(), zero as C has them, their size set. */
using conv_options = options<recur_conv_options>;
inline layer conv(const recur_conv_options &o, in_context ctx = none)
{
    return detail::make_layer(recur_conv_create, ctx, &o);
}
/** A causal convolution over time. */
inline layer conv_time(int64_t in_channels, int64_t out_channels, int64_t kernel,
                       conv_options o = {}, in_context ctx = none)
{
    o.axis = RECUR_CONV_TIME, o.in_channels = in_channels, o.out_channels = out_channels;
    o.kernel = kernel;
    return conv(o, ctx);
}
/** A convolution inside a row, which is [in_channels][length]. */
inline layer conv_row(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t length,
                      conv_options o = {}, in_context ctx = none)
{
    o.axis = RECUR_CONV_ROW, o.in_channels = in_channels, o.out_channels = out_channels;
    o.kernel = kernel, o.length = length;
    return conv(o, ctx);
}

inline layer merge(int64_t features, int32_t way = RECUR_MERGE_SUM, in_context ctx = none)
{
    return detail::make_layer(recur_merge_create, ctx, features, way);
}

/** A part of a composed layer; it is copied, values included. */
struct part {
    part() = default;
    part(const char *name_, const layer &layer_) : name(name_), handle(layer_.get()) {}
    const char *name = nullptr;
    recur_layer *handle = nullptr;
};

inline layer compose(int32_t kind, span<const part> parts, in_context ctx = none)
{
    std::vector<const char *> names;
    std::vector<recur_layer *> handles;
    for (const part &p : parts) names.push_back(p.name), handles.push_back(p.handle);
    return detail::make_layer(recur_compose_create, ctx, kind, static_cast<int64_t>(names.size()),
                              names.data(), handles.data());
}
inline layer sequential(std::initializer_list<part> parts, in_context ctx = none)
{
    return compose(RECUR_COMPOSE_SEQUENTIAL, parts, ctx);
}
inline layer residual(std::initializer_list<part> parts, in_context ctx = none)
{
    return compose(RECUR_COMPOSE_RESIDUAL, parts, ctx);
}
/** What a part of a graph takes: of an earlier part, or (nullptr) of the graph's input. */
struct source {
    source(const char *part_, int64_t begin_ = 0, int64_t count_ = 0)
        : part(part_), begin(begin_), count(count_)
    {
    }
    const char *part;
    int64_t begin, count;
};
/** A part of a graph; without sources it takes all of the part before it. */
struct graph_part {
    graph_part(const char *name_, const layer &layer_, std::vector<source> sources_ = {})
        : name(name_), handle(layer_.get()), sources(std::move(sources_))
    {
    }
    const char *name;
    recur_layer *handle;
    std::vector<source> sources;
};

inline layer graph(int64_t input_size, std::initializer_list<graph_part> parts,
                   in_context ctx = none)
{
    std::vector<recur_source> sources;
    std::vector<recur_graph_part> all;
    for (const graph_part &p : parts)
        for (const source &s : p.sources) sources.push_back({ s.part, nullptr, s.begin, s.count });
    const recur_source *next = sources.data();
    for (const graph_part &p : parts) {
        const auto count = static_cast<int64_t>(p.sources.size());
        all.push_back({ p.name, p.handle, count ? next : nullptr, nullptr, count });
        next += count;
    }
    return detail::make_layer(recur_graph_create, ctx, input_size, static_cast<int64_t>(all.size()),
                              all.data());
}
inline layer group(std::initializer_list<part> parts, in_context ctx = none)
{
    return compose(RECUR_COMPOSE_GROUP, parts, ctx);
}

} // namespace recur

#endif
