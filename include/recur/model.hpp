/* recur/model.hpp - whole networks as files, structure included. Included by recur.hpp; never
 * alone. */
#ifndef RECUR_MODEL_HPP
#define RECUR_MODEL_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur
{

/** Inputs that travel with a model, and the outputs that must come out of them (none: those of
 * now). */
class model_sample
{
  public:
    model_sample(none_type) {}
    model_sample(const packed &p, span<const float> x, span<const float> y = none,
                 double tolerance = 0)
        : model_sample(p, y, tolerance)
    {
        c.x = x.data(), given_ = x.size();
    }
    model_sample(const packed &p, span<const int32_t> ids, span<const float> y = none,
                 double tolerance = 0)
        : model_sample(p, y, tolerance)
    {
        c.ids = ids.data(), given_ = ids.size();
    }

    /** For the functions of C; NULL if there is none. */
    const recur_model_sample *of(const layer &net) const
    {
        if (!packed_) return nullptr;
        const int64_t wanted = packed_->rows() * (c.ids ? 1 : net.input_size());
        if (given_ != detail::number(wanted))
            throw error(RECUR_E_SHAPE, std::string(c.ids ? "ids has " : "x has ") +
                                           std::to_string(given_) + " elements; " +
                                           std::to_string(wanted) + " are needed");
        detail::wanted(net.rows(*packed_) * net.output_size(), y_, "y");
        return &c;
    }

  private:
    model_sample(const packed &p, span<const float> y, double tolerance) : packed_(&p), y_(y)
    {
        c.packed = p.get(), c.y = y.data(), c.tolerance = tolerance;
    }
    options<recur_model_sample> c;
    const packed *packed_ = nullptr;
    span<const float> y_;
    size_t given_ = 0;
};

inline void save_model(const layer &net, const std::string &path, const model_sample &sample = none)
{
    detail::check(recur_model_save(net.get(), path.c_str(), sample.of(net)));
}
/** A layer as C: path, which ends in .c, and a header beside it. recur_compile_c says how. */
inline void compile_c(const layer &net, const std::string &path, const compile_options &o = {})
{
    detail::check(recur_compile_c(net.get(), &o, path.c_str()));
}
/** One of the two texts; file: RECUR_COMPILE_SOURCE or RECUR_COMPILE_HEADER. */
inline std::string compile_c_text(const layer &net, int32_t file, const compile_options &o = {})
{
    size_t bytes = 0;
    detail::check(recur_compile_c_memory(net.get(), &o, file, nullptr, &bytes));
    std::string text(bytes, '\0');
    detail::check(recur_compile_c_memory(net.get(), &o, file, &text[0], &bytes));
    text.resize(bytes - 1);
    return text;
}
/** Adds a model to a file, beside others. */
inline void put_model(const layer &net, file &to, const char *prefix = nullptr,
                      const model_sample &sample = none)
{
    detail::check(recur_file_put_model(to.get(), prefix, net.get(), sample.of(net)));
}

inline layer open_model(const std::string &path, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_model_open(ctx.get(), path.c_str(), &out));
    return layer(out);
}
inline layer open_model(span<const unsigned char> data, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_model_open_memory(ctx.get(), data.data(), data.size(), &out));
    return layer(out);
}
/** A snapshot whose parameters stay in data: keep these, unchanged, as long as it lives. */
inline layer open_model_in_place(span<const unsigned char> data,
                                 int32_t precision = RECUR_PRECISION_FLOAT32, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_model_open_in_place(ctx.get(), data.data(), data.size(), precision, &out));
    return layer(out);
}
inline layer get_model(file &from, const char *prefix = nullptr)
{
    recur_layer *out;
    detail::check(recur_file_get_model(from.get(), prefix, &out));
    return layer(out);
}

} // namespace recur

#endif
