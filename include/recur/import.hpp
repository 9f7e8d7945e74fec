/* recur/import.hpp - layers out of other programs' files. Included by recur.hpp; never alone. */
#ifndef RECUR_IMPORT_HPP
#define RECUR_IMPORT_HPP
#ifndef RECUR_HPP
#error "include <recur.hpp>"
#endif

namespace recur
{

/** An LSTM of Neural Amp Modeler, from a .nam file or its contents. */
inline layer import_nam(const std::string &path, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_import_nam(ctx.get(), path.c_str(), &out));
    return layer(out);
}
inline layer import_nam(span<const unsigned char> data, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_import_nam_memory(ctx.get(), data.data(), data.size(), &out));
    return layer(out);
}

/** A network in one of the JSON forms that RTNeural reads, from a file or its contents. */
inline layer import_rtneural(const std::string &path, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_import_rtneural(ctx.get(), path.c_str(), &out));
    return layer(out);
}
inline layer import_rtneural(span<const unsigned char> data, in_context ctx = none)
{
    recur_layer *out;
    detail::check(recur_import_rtneural_memory(ctx.get(), data.data(), data.size(), &out));
    return layer(out);
}

} // namespace recur

#endif
