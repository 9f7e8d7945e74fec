/* recur.hpp - librecur for C++17: handles that release themselves, failures as exceptions, arrays
 * that know their size.
 *
 *     auto net = recur::sequential({{"rnn", recur::lstm(8, 4)}, {"last", recur::last(4)}, {"fc",
 * recur::linear(4, 2)}}); net.init(seed); std::vector<float> y = net.run(recur::packed({3, 1, 2}),
 * x);
 *
 * Header-only, over the C functions of recur.h, whose comments hold here too. The differences:
 *   - A handle is a class without copies; moving is free, `.get()` gives the C handle.
 *   - A failure is a recur::error with the code and the sentence of recur_last_error(). A
 * moved-from handle is NULL to C.
 *   - Arrays are spans: vectors, std::array, C arrays, std::span or {pointer, size}. Their sizes
 * are checked.
 *   - What C lets be NULL is recur::none, at the end, and mostly the default. The context comes
 * last.
 *   - Options are the C structs, zeroed and with their size set: recur::recurrent_options o;
 * o.num_layers = 2; */
#ifndef RECUR_HPP
#define RECUR_HPP

#include <recur.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "recur/base.hpp"
#include "recur/packed.hpp"
#include "recur/layer.hpp"
#include "recur/state.hpp"
#include "recur/train.hpp"
#include "recur/file.hpp"
#include "recur/model.hpp"
#include "recur/import.hpp"

#endif
