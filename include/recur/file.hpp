/* recur/file.hpp - safetensors files. Included by recur.hpp; never alone. */
#ifndef RECUR_FILE_HPP
#define RECUR_FILE_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur {

/** A safetensors container: a new one, or one that was read. */
class file : public detail::handle<recur_file, recur_file_release> {
public:
    explicit file(in_context ctx = none) : handle(make(nullptr, 0, ctx)) {}
    explicit file(const std::string &path, in_context ctx = none) : handle(make(path, ctx)) {}
    explicit file(span<const unsigned char> data, in_context ctx = none)
        : handle(make(data.data(), data.size(), ctx))
    {}

    void write(const std::string &path) const
    {
        detail::check(recur_file_write(get(), path.c_str()));
    }
    std::vector<unsigned char> write() const
    {
        size_t bytes = 0;
        detail::check(recur_file_write_memory(get(), nullptr, &bytes));
        std::vector<unsigned char> data(bytes);
        detail::check(recur_file_write_memory(get(), data.data(), &bytes));
        return data;
    }

    std::vector<recur_tensor> tensors() const
    {
        return detail::tensors<recur_file>(get(), recur_file_tensor_count(get()),
                                           recur_file_tensor_info);
    }
    recur_tensor find(const char *name) const
    {
        options<recur_tensor> info;
        detail::check(recur_file_find(get(), name, &info));
        return info;
    }
    /** A tensor as floats. */
    std::vector<float> read(const char *name)
    {
        std::vector<float> values(detail::number(find(name).count));
        float nothing = 0;
        float *to = values.empty() ? &nothing : values.data();
        detail::check(recur_file_read(get(), name, to, static_cast<int64_t>(values.size())));
        return values;
    }
    void add(const char *name, std::initializer_list<int64_t> shape, span<const float> values)
    {
        if (shape.size() > 4)
            throw error(RECUR_E_ARGUMENT, "a tensor of " + std::to_string(shape.size()) +
                                              " dimensions; 4 are the most");
        options<recur_tensor> info;
        int64_t count = 1;
        for (int64_t n : shape) count *= info.dim[info.rank++] = n;
        info.name = name;
        detail::check(recur_file_add(get(), &info, detail::exactly(count, values, name)));
    }

    /** The text under a key, if there is one. */
    std::optional<std::string> text(const char *key) const
    {
        const char *found = recur_file_metadata(get(), key);
        return found ? std::optional<std::string>(found) : std::nullopt;
    }
    void set_text(const char *key, const std::string &value)
    {
        detail::check(recur_file_set_metadata(get(), key, value.c_str()));
    }
    /** How parameters are stored from now on: "F32", "F16" or "BF16". */
    void set_type(const char *type) { detail::check(recur_file_set_type(get(), type)); }
    std::vector<std::string> text_keys() const
    {
        std::vector<std::string> keys;
        for (int64_t i = 0; i < recur_file_metadata_count(get()); i++)
            keys.emplace_back(recur_file_metadata_key(get(), i));
        return keys;
    }
    /** Throws if a tensor was neither loaded nor read. */
    void all_used() const { detail::check(recur_file_all_used(get())); }

private:
    static recur_file *make(const void *data, size_t bytes, in_context ctx)
    {
        recur_file *out;
        detail::check(recur_file_open_memory(ctx.get(), data, bytes, &out));
        return out;
    }
    static recur_file *make(const std::string &path, in_context ctx)
    {
        recur_file *out;
        detail::check(recur_file_open(ctx.get(), path.c_str(), &out));
        return out;
    }
};

inline void layer::load(file &from, const char *prefix)
{
    detail::check(recur_file_get_layer(from.get(), prefix, get()));
}
inline void layer::save(file &to, const char *prefix) const
{
    detail::check(recur_file_put_layer(to.get(), prefix, get()));
}
inline void state::load(file &from, const char *prefix)
{
    detail::check(recur_file_get_state(from.get(), prefix, get()));
}
inline void state::save(file &to, const char *prefix) const
{
    detail::check(recur_file_put_state(to.get(), prefix, get()));
}
inline void optimizer::load(file &from, const char *prefix)
{
    detail::check(recur_file_get_optimizer(from.get(), prefix, get()));
}
inline void optimizer::save(file &to, const char *prefix) const
{
    detail::check(recur_file_put_optimizer(to.get(), prefix, get()));
}

} // namespace recur

#endif
