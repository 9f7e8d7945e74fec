/* recur/base.hpp - errors, options, spans, owning handles, context. Included by recur.hpp; never
 * alone. */
#ifndef RECUR_BASE_HPP
#define RECUR_BASE_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur {

/** A failure: what() is its sentence. */
class error : public std::runtime_error {
public:
    error(recur_status code, const std::string &sentence)
        : std::runtime_error(sentence), code_(code)
    {}
    recur_status code() const noexcept { return code_; }
    const char *name() const noexcept { return recur_status_name(code_); } /**< "RECUR_E_SHAPE" */

private:
    recur_status code_;
};

/** An options struct of C with all defaults. */
template <class C> struct options : C {
    options() : C{} { this->size = sizeof(C); }
};
using context_options = options<recur_context_options>;
using recurrent_options = options<recur_recurrent_options>;
using clockwork_options = options<recur_clockwork_options>;
using quantise_options = options<recur_quantise_options>;
using compile_options = options<recur_compile_options>;
using quantise_report = options<recur_quantise_report>;
using loss_options = options<recur_loss_options>;
using optimizer_options = options<recur_optimizer_options>;
using shards_options = options<recur_shards_options>;
using sample_options = options<recur_sample_options>;

/** Stands for an array, tape, state or context that is not there. */
struct none_type {};
inline constexpr none_type none{};

/** Somebody else's array. An empty array is not the same as none. */
template <class T> class span {
    template <class U> using fits = std::enable_if_t<std::is_convertible_v<U (*)[], T (*)[]>>;
    template <class A>
    using element = std::remove_pointer_t<decltype(std::data(std::declval<A &>()))>;
    template <class A> struct is_span : std::false_type {};
    template <class U> struct is_span<span<U>> : std::true_type {};
    template <class A>
    using other = std::enable_if_t<!is_span<std::remove_cv_t<std::remove_reference_t<A>>>::value>;

public:
    using value_type = std::remove_const_t<T>;

    constexpr span() = default;
    constexpr span(none_type) {}
    constexpr span(T *data, size_t size) : data_(data), size_(size) {}
    template <class U, class = fits<U>>
    constexpr span(span<U> array) : data_(array.data()), size_(array.size())
    {}
    template <class A, class = other<A>, class = fits<element<A>>>
    constexpr span(A &&array) : data_(std::data(array)), size_(std::size(array))
    {
        if (!data_) data_ = &nothing;
    }
    constexpr T *data() const { return data_; }
    constexpr size_t size() const { return size_; }
    constexpr T &operator[](size_t i) const { return data_[i]; }
    constexpr T *begin() const { return data_; }
    constexpr T *end() const { return data_ + size_; }
    constexpr span subspan(size_t offset, size_t count) const
    {
        return span(data_ + offset, count);
    }

private:
    static inline value_type nothing{};
    T *data_ = nullptr;
    size_t size_ = 0;
};

/** An object, or none. */
template <class T> class maybe {
public:
    maybe(none_type) {}
    maybe(T &object) : object_(&object) {}
    explicit operator bool() const { return object_ != nullptr; }
    auto get() const { return object_ ? object_->get() : nullptr; }

private:
    T *object_ = nullptr;
};

namespace detail {

inline void check(recur_status status)
{
    if (status != RECUR_OK) throw error(status, recur_last_error());
}

inline recur_status fill_in(recur_context_options &o)
{
    return recur_context_options_init(&o, sizeof o);
}
inline recur_status fill_in(recur_sample_options &o)
{
    return recur_sample_options_init(&o, sizeof o);
}
inline recur_status fill_in(recur_recurrent_options &o, int32_t cell)
{
    return recur_recurrent_options_init(&o, sizeof o, cell);
}
inline recur_status fill_in(recur_loss_options &o, int32_t kind)
{
    return recur_loss_options_init(&o, sizeof o, kind);
}
inline recur_status fill_in(recur_optimizer_options &o, int32_t kind)
{
    return recur_optimizer_options_init(&o, sizeof o, kind);
}
inline recur_status fill_in(recur_schedule &s, int32_t kind)
{
    return recur_schedule_init(&s, sizeof s, kind);
}
inline recur_status fill_in(recur_plateau &p) { return recur_plateau_init(&p, sizeof p); }
inline recur_status fill_in(recur_model_sample &s) { return recur_model_sample_init(&s, sizeof s); }

/** The array, which must be there with this many elements. */
template <class T> T *exactly(int64_t count, span<T> array, const char *name)
{
    if (array.size() != static_cast<size_t>(count))
        throw error(RECUR_E_SHAPE, std::string(name) + " has " + std::to_string(array.size()) +
                                       " elements; " + std::to_string(count) + " are needed");
    return array.data();
}

/** The same, but it may be none. */
template <class T> T *wanted(int64_t count, span<T> array, const char *name)
{
    return array.data() ? exactly(count, array, name) : nullptr;
}

/** How many rows of this width an array has. */
template <class T> int64_t rows_of(span<T> array, int64_t width, const char *name)
{
    const auto size = static_cast<int64_t>(array.size());
    if (width < 1 || size % width)
        throw error(RECUR_E_SHAPE, std::string(name) + " has " + std::to_string(size) +
                                       " elements, which are no rows of " + std::to_string(width));
    return size / width;
}

inline size_t number(int64_t count) { return static_cast<size_t>(count); }

/** Asks for every tensor of a layer, state or file. */
template <class C>
std::vector<recur_tensor> tensors(const C *object, int64_t count,
                                  recur_status (*ask)(const C *, int64_t, recur_tensor *))
{
    std::vector<recur_tensor> all(number(count), options<recur_tensor>());
    for (int64_t i = 0; i < count; i++) check(ask(object, i, &all[number(i)]));
    return all;
}

template <class C, void (*release)(C *)> class handle {
    struct releaser {
        void operator()(C *object) const noexcept { release(object); }
    };
    std::unique_ptr<C, releaser> object_;

public:
    explicit handle(C *object = nullptr) : object_(object) {}
    C *get() const noexcept { return object_.get(); }
};

} // namespace detail

/** For functions of C that the library calls: what they return, with a sentence. */
inline recur_status fail(recur_status status, const char *sentence) noexcept
{
    return recur_fail(status, sentence);
}

/** Options with their defaults written out: a zero that is put there is a zero, and asks for no
 * default.
 *
 *     auto adam = recur::exact<recur::optimizer_options>(RECUR_OPTIMIZER_ADAM);
 *     adam.beta1 = 0; */
template <class C, class... Kind> C exact(Kind... kind)
{
    C o;
    detail::check(detail::fill_in(o, kind...));
    return o;
}

/** Allocator, instruction set, threads. */
class context : public detail::handle<recur_context, recur_context_release> {
public:
    explicit context(const recur_context_options &o) : handle(make(o)) {}
    /** Another handle on the same context. */
    context share() const { return context(recur_context_retain(get())); }
    const char *isa() const noexcept { return recur_context_isa(get()); }

private:
    explicit context(recur_context *ctx) : handle(ctx) {}
    static recur_context *make(const recur_context_options &o)
    {
        recur_context *out;
        detail::check(recur_context_create(&o, &out));
        return out;
    }
};
using in_context = maybe<const context>;

} // namespace recur

#endif
