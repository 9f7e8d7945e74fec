/* recur/packed.hpp - the layout of a batch of sequences of different lengths. Included by
 * recur.hpp; never alone. */
#ifndef RECUR_PACKED_HPP
#define RECUR_PACKED_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur {

/** Layout of a batch of sequences of different lengths. */
class packed : public detail::handle<recur_packed, recur_packed_release> {
public:
    explicit packed(span<const int64_t> lengths, int64_t steps = 0, in_context ctx = none)
        : handle(make(static_cast<int64_t>(lengths.size()), lengths.data(), steps, ctx))
    {}
    explicit packed(std::initializer_list<int64_t> lengths) : packed(span<const int64_t>(lengths))
    {}
    /** All sequences have this many steps. */
    static packed dense(int64_t batch, int64_t steps, in_context ctx = none)
    {
        return packed(make(batch, nullptr, steps, ctx));
    }

    void reset(span<const int64_t> lengths, int64_t steps = 0)
    {
        detail::check(
            recur_packed_reset(get(), static_cast<int64_t>(lengths.size()), lengths.data(), steps));
    }
    void reset_dense(int64_t batch, int64_t steps)
    {
        detail::check(recur_packed_reset(get(), batch, nullptr, steps));
    }

    int64_t batch() const noexcept { return recur_packed_batch(get()); }
    int64_t steps() const noexcept { return recur_packed_steps(get()); }
    int64_t rows() const noexcept { return recur_packed_rows(get()); }
    int64_t length(int64_t sequence) const noexcept { return recur_packed_length(get(), sequence); }
    int64_t batch_size(int64_t step) const noexcept { return recur_packed_batch_size(get(), step); }
    int64_t row(int64_t sequence, int64_t step) const noexcept
    {
        return recur_packed_row(get(), sequence, step);
    }

    /** Padded or joined rows of `width` elements of any type into packed order, and back. */
    template <class From, class To>
    void pack(int32_t layout, int64_t width, const From &from, To &&to) const
    {
        using T = element<To>;
        const T *in = detail::exactly(outside(layout) * width, span<const T>(from), "from");
        T *out = detail::exactly(rows() * width, span<T>(to), "to");
        detail::check(recur_packed_pack(get(), layout, sizeof(T) * detail::number(width), in, out));
    }
    template <class From, class To>
    void unpack(int32_t layout, int64_t width, const From &from, To &&to) const
    {
        using T = element<To>;
        const T *in = detail::exactly(rows() * width, span<const T>(from), "from");
        T *out = detail::exactly(outside(layout) * width, span<T>(to), "to");
        detail::check(
            recur_packed_unpack(get(), layout, sizeof(T) * detail::number(width), in, out));
    }
    /** One row per sequence, that of its step steps[b]; none: the last. */
    template <class From, class To>
    void gather(int64_t width, const From &from, To &&to, span<const int64_t> steps = none) const
    {
        using T = element<To>;
        const T *in = detail::exactly(rows() * width, span<const T>(from), "from");
        T *out = detail::exactly(batch() * width, span<T>(to), "to");
        const int64_t *at = detail::wanted(batch(), steps, "steps");
        detail::check(recur_packed_gather(get(), at, sizeof(T) * detail::number(width), in, out));
    }

private:
    template <class A>
    using element = std::remove_reference_t<decltype(*std::data(std::declval<A &>()))>;

    explicit packed(recur_packed *made) : handle(made) {}
    static recur_packed *make(int64_t batch, const int64_t *lengths, int64_t steps, in_context ctx)
    {
        recur_packed *out;
        detail::check(recur_packed_create(ctx.get(), batch, lengths, steps, &out));
        return out;
    }
    int64_t outside(int32_t layout) const
    {
        return layout == RECUR_LAYOUT_JOINED ? rows() : batch() * steps();
    }
};

} // namespace recur

#endif
