/* handles.cpp - moving handles, errors, sizes of arrays, and the calls that classify.cpp does not
 * need. */
#include "check.hpp"

#include <array>

namespace {

using floats = std::vector<float>;

void handles()
{
    static_assert(!std::is_copy_constructible_v<recur::layer> &&
                  std::is_nothrow_move_constructible_v<recur::layer>);
    static_assert(!std::is_copy_assignable_v<recur::tape> &&
                  std::is_nothrow_move_assignable_v<recur::tape>);
    recur::layer a = recur::linear(2, 3), b = recur::linear(1, 1);
    recur_layer *raw = a.get();
    b = std::move(a);
    CHECK(b.get() == raw && b.input_size() == 2 && b.output_size() == 3 && b.count() == 9);
    CHECK(!a.get()); // what is left is NULL
    check_throws(RECUR_E_ARGUMENT, "layer", [&] { a.init(1); });
    std::vector<recur::layer> many;
    for (int i = 1; i < 5; i++) many.push_back(recur::gru(i, i));
    CHECK(many[3].describe().variant == RECUR_CELL_GRU && many[3].tensors().size() == 4);

    // A part outlives the whole, a context lives as long as anything made from it.
    recur::context_options o;
    o.isa = RECUR_ISA_REF;
    auto part = [&] {
        recur::context ctx(o);
        CHECK(std::strcmp(ctx.isa(), "ref") == 0);
        int64_t offset = 0;
        auto net = recur::group(
            {{"a", recur::rnn(2, 2, {}, ctx)}, {"b", recur::embedding(5, 3, ctx)}}, ctx);
        auto b5 = net.child("b", &offset);
        CHECK(offset == 12);
        return b5;
    }();
    part.init(nullptr, RECUR_INIT_CONSTANT, 2);
    CHECK(part.param("weight")[14] == 2);
    check_throws(RECUR_E_MISSING, "wieght", [&] { part.param("wieght"); });
    CHECK(recur::version() == RECUR_VERSION);
}

void errors()
{
    check_throws(RECUR_E_ARGUMENT, "0", [] { recur::lstm(0, 4); });
    check_throws(RECUR_E_SHAPE, "4", [] {
        recur::sequential({{"a", recur::linear(2, 3)}, {"b", recur::linear(4, 2)}});
    });
    check_throws(RECUR_E_NOT_FOUND, "nowhere", [] { recur::file("/nowhere/at/all"); });
    check_throws(RECUR_E_ARGUMENT, "-1", [] { recur::packed({2, -1}); });
    check_throws(RECUR_E_ARGUMENT, "17", [] { recur::tape(17); });
    try {
        recur::context_options o;
        o.threads = -3;
        recur::context ctx(o);
        CHECK(false);
    } catch (const std::runtime_error &e) {
        CHECK(std::strstr(e.what(), "-3"));
    }
}

void sizes()
{
    const recur::packed p({3, 1, 2});
    recur::layer net = recur::linear(2, 3);
    net.init(3);
    float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    std::array<float, 18> y{};
    net.forward(p, x, y);
    CHECK(floats(y.begin(), y.end()) == net.run(p, floats(x, x + 12)));
    check_throws(RECUR_E_SHAPE, "x has 11 elements; 12", [&] { net.run(p, floats(11)); });
    check_throws(RECUR_E_SHAPE, "y has 0 elements; 18", [&] {
        floats none_at_all;
        net.forward(p, x, none_at_all);
    });
    check_throws(RECUR_E_SHAPE, "ids has 5 elements; 6",
                 [&] { net.run(p, std::vector<int32_t>(5)); });

    recur::tape t(RECUR_TAPE_RECORD_NO_DROPOUT);
    t.set_seed(4);
    const recur_memory m = net.memory(p);
    t.reserve(net, p);
    CHECK(m.parameters == 36 && m.training >= m.inference);
    CHECK(t.bytes() == static_cast<size_t>(m.tape + m.kept + m.record + m.training));
    check_throws(RECUR_E_ARGUMENT, "64", [&] { net.memory(p, 64); });
    recur::quantise_options o;
    o.precision = RECUR_PRECISION_INT8;
    o.packed = p.get();
    o.x = x;
    recur::quantise_report report;
    CHECK(net.quantise(o, &report).output_size() == net.output_size());
    CHECK(report.count > 0 && report.y_error > 0);
    net.forward(p, x, recur::none, t);
    CHECK(t.records() == 1);
    floats dx(12), grads(9);
    check_throws(RECUR_E_SHAPE, "dparams has 8", [&] {
        floats few(8);
        net.backward(p, x, y, few, t, dx);
    });
    net.backward(p, x, y, grads, t, dx);
    check_throws(RECUR_E_ORDER, "", [&] { net.backward(p, x, y, grads, t); });
    t.reset();

    // No rows at all: empty arrays are arrays.
    const recur::packed empty({0, 0});
    CHECK(recur::lstm(2, 3).run(empty, floats()).empty() && empty.batch() == 2 &&
          empty.rows() == 0);
}

void layouts()
{
    recur::packed p({3, 1, 2});
    CHECK(p.steps() == 3 && p.length(2) == 2 && p.batch_size(1) == 2 && p.row(0, 2) == 5 &&
          p.row(1, 1) == -1);
    const std::vector<int16_t> padded = {0, 1, 2, 10, -1, -1, 20, 21, -1};
    std::vector<int16_t> rows(6), back(9, -1), ends(3), firsts(3);
    p.pack(RECUR_LAYOUT_BATCH_FIRST, 1, padded, rows);
    CHECK(rows == (std::vector<int16_t>{0, 20, 10, 1, 21, 2}));
    p.unpack(RECUR_LAYOUT_BATCH_FIRST, 1, rows, back);
    CHECK(back == padded);
    p.gather(1, rows, ends);
    p.gather(1, rows, firsts, std::vector<int64_t>{0, 0, 0});
    CHECK(ends == (std::vector<int16_t>{2, 10, 21}) && firsts == (std::vector<int16_t>{0, 10, 20}));
    check_throws(RECUR_E_SHAPE, "to has 9", [&] { p.gather(1, rows, back); });
    p.reset_dense(2, 2);
    CHECK(p.rows() == 4);
}

/* A loop by hand over a cell is the layer over the sequence, forward and backward. */
void cells()
{
    const int64_t T = 3;
    recur::layer net = recur::gru(2, 2);
    net.init(5);
    const floats x = {1, 2, -1, 0, 3, 1};
    const recur::packed p = recur::packed::dense(1, T);
    recur::tape t;
    floats y(6), dy(6, 1), grads(36), dx(6), by_hand(36);
    net.forward(p, x, y, t);
    net.backward(p, x, dy, grads, t, dx);

    const recur::cell cell(net);
    recur::state h(net), dh(net);
    floats h_t(2), dx_t(2);
    for (size_t k = 0; k < 3; k++)
        cell.step(recur::span<const float>(x).subspan(2 * k, 2), h, h_t, t);
    CHECK(h_t[0] == y[4] && h.read() == h_t);
    for (size_t k = 3; k-- > 0;) {
        cell.step_backward(recur::span<const float>(x).subspan(2 * k, 2), floats{1, 1}, dh, by_hand,
                           t, dx_t);
        CHECK(std::abs(dx_t[0] - dx[2 * k]) < 1e-6f);
    }
    for (size_t i = 0; i < 36; i++) CHECK(std::abs(by_hand[i] - grads[i]) < 1e-5f);
    const std::vector<int32_t> one = {1};
    cell.step(one, h, h_t, t);
    cell.step_backward(one, h_t, dh, by_hand, t);

    recur::state other(net);
    other.copy(h);
    other.write(1, floats{7});
    floats last(1);
    other.read(1, last);
    CHECK(last[0] == 7 && other.count() == 2 && std::strcmp(other.tensors()[0].name, "h") == 0 &&
          other.batch() == 1);
    other.reset();
    CHECK(other.read() == floats(2));
    recur::file f;
    h.save(f, "stream.");
    other.load(f, "stream.");
    CHECK(other.read() == h.read() && f.tensors().size() == 1 && f.text_keys().empty());
}

void training()
{
    recur::loss_options huber;
    huber.kind = RECUR_LOSS_HUBER, huber.delta = 2, huber.flags = RECUR_LOSS_SUM;
    floats dy(2);
    CHECK(recur::loss(huber).values(1, floats{1, 5}, floats{0, 0}, dy) == 0.5 + 8 &&
          dy == (floats{1, 2}));
    check_throws(RECUR_E_SHAPE, "3 elements",
                 [&] { recur::loss(huber).values(2, floats(3), floats(3)); });
    recur::optimizer_options sgd;
    sgd.kind = RECUR_OPTIMIZER_SGD, sgd.rate = 0.5;
    recur::optimizer o(sgd, 2);
    o.range(1, 1, 0, 0);
    floats params = {1, 1}, grads = {3, 4};
    CHECK(recur::clip_norm(grads, 0) == 5 && recur::clip_norm_inf(grads, 0) == 4);
    recur::clip_value(grads, 1);
    o.step(params, grads);
    CHECK(params == (floats{0.5f, 1}) && o.rate() == 0.5);
    o.set_rate(0);
    check_throws(RECUR_E_SHAPE, "grads has 1", [&] { o.step(params, floats(1)); });
    recur::shards_options four;
    four.shards = 4, four.count = 2, four.numbers = 1;
    recur::shards parts(four);
    double total = 0;
    for (int64_t s = parts.first(); s < parts.last(); s++) {
        parts.gradient()[1] = static_cast<float>(parts.sequence(8, s));
        parts.add(std::vector<double>{0.5});
    }
    check_throws(RECUR_E_ORDER, "recur_shards_sum", [&] { parts.gradient(); });
    parts.sum(grads, recur::span<double>(&total, 1));
    CHECK(grads == (floats{0, 12}) && total == 2);
    parts.reset();
    parts.gather(grads = floats(8));
    check_throws(RECUR_E_SHAPE, "values", [&] { parts.gather(floats(3)); });
    CHECK(recur::fail(RECUR_E_IO, "why") == RECUR_E_IO && recur_last_error() == std::string("why"));
    recur::loss ctc(RECUR_LOSS_CTC);
    const recur::packed spoken({4, 1});
    const floats y = {0, 9, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 9, 0};
    floats d(y.size());
    const recur::decoded said = ctc.decode(spoken, 3, y);
    CHECK(said.lengths.size() == 2 && said.scores[1] < 0);
    const double cost = ctc.sequences(spoken, 3, y, said.labels, said.lengths, d);
    CHECK(cost > 0 && cost < 1 && d[0] != 0);
    check_throws(RECUR_E_SHAPE, "labels has 0",
                 [&] { ctc.sequences(spoken, 3, y, std::vector<int32_t>(), said.lengths); });
    recur::loss_options drawn;
    drawn.kind = RECUR_LOSS_NEGATIVE_SAMPLING, drawn.classes = 3, drawn.samples = 2;
    const recur::loss few(drawn);
    const std::vector<int32_t> right = {2, 2};
    floats dh(4), dW(9);
    CHECK(few.sampled(2, floats(4, 1), right, floats(9), 1, 0, dh, dW) > 0 && dh[0] == 0 &&
          dW[8] == -0.5f);
    check_throws(RECUR_E_SHAPE, "8 parameters",
                 [&] { few.sampled(2, floats(4), right, floats(8), 1, 0); });
    check_throws(RECUR_E_SHAPE, "dh has 9",
                 [&] { few.sampled(2, floats(4), right, floats(9), 1, 0, dW); });
    recur::schedule falling;
    falling.kind = RECUR_SCHEDULE_STEP, falling.rate = 1, falling.gamma = 0.5, falling.period = 10;
    CHECK(falling.at(9) == 1 && falling.at(20) == 0.25);
    check_throws(RECUR_E_ARGUMENT, "-1", [&] { falling.at(-1); });
    recur::plateau plateau;
    plateau.rate = 1, plateau.factor = 0.5, plateau.patience = 1;
    CHECK(plateau.step(3) == 1 && plateau.step(3) == 1 && plateau.step(3) == 0.5);
    auto at_once = recur::exact<recur::plateau>(); // zeros that are meant
    at_once.rate = 1, at_once.factor = 0, at_once.patience = 0;
    CHECK(at_once.step(3) == 1 && at_once.step(3) == 0);
    CHECK(recur::exact<recur::optimizer_options>(RECUR_OPTIMIZER_ADAM).beta1 == 0.9);
    CHECK(recur::exact<recur::loss_options>(RECUR_LOSS_HUBER).delta == 1);
    CHECK(recur::exact<recur::recurrent_options>(RECUR_CELL_GRU).gate_activation ==
          RECUR_ACTIVATION_SIGMOID);
    CHECK(recur::exact<recur::context_options>().threads == 1);
    CHECK(recur::exact<recur::sample_options>().top_p == 1);
    check_throws(RECUR_E_ARGUMENT, "99", [] { recur::exact<recur::optimizer_options>(99); });
    recur::layer chain = recur::sequential(
        {{"drop", recur::dropout(2, 0.5)}, {"act", recur::activation(2, RECUR_ACTIVATION_RELU)}});
    CHECK(chain.run(recur::packed({1}), floats{-1, 2}) == (floats{0, 2}));
    recur::layer around = recur::residual(
        {{"act", recur::activation(2, RECUR_ACTIVATION_RELU)}, {"norm", recur::norm(2, 1)}});
    around.init(1);
    CHECK(around.describe(1).epsilon == 1 &&
          around.run(recur::packed({1}), floats{3, 3}) == (floats{3, 3}));
    recur::layer product = recur::merge(2, RECUR_MERGE_MULTIPLY);
    CHECK(product.run(recur::packed({1}), floats{3, 5}) == floats{15});
    check_throws(RECUR_E_SHAPE, "3", [&] { recur::merge(3); });
    CHECK(recur::softmax(2).run(recur::packed({1}), floats{7, 7}) == (floats{0.5, 0.5}));
    CHECK(recur::prelu(2, 3).count() == 2 && recur::affine(2, 3).count() == 4);
    CHECK(recur::rms_norm(4).count() == 4 && recur::group_norm(4, 2, 2).count() == 8);
}

void convolutions_and_graphs()
{
    recur::layer over_time = recur::conv_time(1, 1, 2);
    over_time.init(nullptr, RECUR_INIT_CONSTANT, 1);
    CHECK(over_time.run(recur::packed({3}), floats{1, 2, 3}) == (floats{2, 4, 6}));
    recur::conv_options o;
    o.padding = RECUR_PADDING_REFLECT, o.pad_after = 1, o.flags = RECUR_LAYER_NO_BIAS;
    recur::layer in_row = recur::conv_row(1, 1, 2, 3, o);
    in_row.init(nullptr, RECUR_INIT_CONSTANT, 1);
    CHECK(in_row.run(recur::packed({1}), floats{1, 2, 4}) == (floats{3, 6, 6}));
    const recur::layer masked = recur::graph(
        2, {{"relu", recur::activation(2, RECUR_ACTIVATION_RELU)},
            {"out", recur::merge(4, RECUR_MERGE_MULTIPLY), {{"relu"}, {nullptr}}}});
    CHECK(masked.run(recur::packed({1}), floats{-2, 3}) == (floats{0, 9}));
    CHECK(masked.describe(1).sources[0].part == std::string("relu"));
    check_throws(RECUR_E_ARGUMENT, "late", [] {
        recur::graph(2, {{"a", recur::activation(2, RECUR_ACTIVATION_RELU), {{"late"}}}});
    });
}

void models()
{
    auto net = recur::sequential(
        {{"rnn", recur::lstm(2, 3)}, {"last", recur::last(3)}, {"fc", recur::linear(3, 2)}});
    net.init(1);
    const recur::packed p({2, 1});
    const floats x = {1, 2, 3, 4, 5, 6}, y = net.run(p, x);
    const std::vector<int32_t> ids = {0, 1, 1};
    recur::file f;
    recur::put_model(net, f, "a.", {p, x, y, 1e-5});
    recur::put_model(net, f, "b.", {p, ids});
    recur::put_model(net, f);
    CHECK(recur::get_model(f, "b.").run(p, x) == y && recur::get_model(f, "a.").run(p, x) == y);
    check_throws(RECUR_E_FORMAT, "a.", [&] { recur::open_model(f.write()); });
    recur::file whole;
    recur::put_model(net, whole, "", {p, x});
    const recur::layer opened = recur::open_model(whole.write());
    CHECK(opened.run(p, x) == y && opened.describe().parts == 3);
    check_throws(RECUR_E_SHAPE, "x has 5", [&] {
        recur::put_model(net, whole, "c.", {p, floats(5)});
    });
    check_throws(RECUR_E_SHAPE, "ids has 2", [&] {
        recur::put_model(net, whole, "c.", {p, std::vector<int32_t>(2)});
    });
    check_throws(RECUR_E_SHAPE, "y has 1", [&] {
        recur::put_model(net, whole, "c.", {p, x, floats(1)});
    });
    check_throws(RECUR_E_NUMERIC, "tolerance", [&] {
        recur::put_model(net, whole, "c.", {p, x, floats(4)});
    });
    check_throws(RECUR_E_NOT_FOUND, "", [&] { recur::save_model(net, "/nowhere/at/all"); });
    check_throws(RECUR_E_NOT_FOUND, "", [&] { recur::open_model("/nowhere/at/all"); });
}

void imports()
{
    const std::string dict = "{\"in_skip\":1,\"fc.weight\":[[2]],\"fc.bias\":[1]}";
    const std::string nam = "{\"architecture\":\"WaveNet\"}";
    const std::vector<unsigned char> data(dict.begin(), dict.end());
    const std::vector<unsigned char> wavenet(nam.begin(), nam.end());
    const recur::layer net = recur::import_rtneural(data);
    CHECK(net.run(recur::packed({1}), floats{3}) == floats{10});
    check_throws(RECUR_E_UNSUPPORTED, "WaveNet", [&] { recur::import_nam(wavenet); });
    check_throws(RECUR_E_NOT_FOUND, "", [&] { recur::import_nam("/nowhere/at/all"); });
    check_throws(RECUR_E_NOT_FOUND, "", [&] { recur::import_rtneural("/nowhere/at/all"); });
}

void models_as_c()
{
    const recur::layer net = recur::linear(2, 1);
    recur::compile_options o;
    o.name = "head";
    check_throws(RECUR_E_ARGUMENT, "x.cc", [&] { recur::compile_c(net, "x.cc", o); });
    const std::string text = recur::compile_c_text(net, RECUR_COMPILE_HEADER, o);
    CHECK(text.find("#define HEAD_INPUTS 2") != std::string::npos && text.back() == '\n');
}

} // namespace

int main()
{
    handles();
    errors();
    sizes();
    layouts();
    cells();
    training();
    convolutions_and_graphs();
    models();
    imports();
    models_as_c();
}
