/* classify.cpp - trains a small classifier of strings, runs it as a stream, saves it and takes up
 * training again.
 *
 * Strings of 4 to 9 symbols 0 to 3; the class is whether the first symbol is above 1. */
#include "check.hpp"

namespace {

constexpr int64_t symbols = 4, hidden = 8, classes = 2, batch = 16;

struct strings {
    recur::packed packed{std::vector<int64_t>()};
    std::vector<int32_t> ids, labels;
};

strings draw(uint64_t seed)
{
    strings s;
    std::vector<int64_t> lengths;
    for (uint64_t b = 0; b < batch; b++)
        lengths.push_back(4 + static_cast<int64_t>(recur::random(seed, b) % 6));
    s.packed.reset(lengths);
    s.ids.resize(static_cast<size_t>(s.packed.rows()));
    for (size_t i = 0; i < s.ids.size(); i++)
        s.ids[i] = static_cast<int32_t>(recur::random(seed, 100 + i) % symbols);
    for (int64_t b = 0; b < batch; b++)
        s.labels.push_back(s.ids[static_cast<size_t>(s.packed.row(b, 0))] > 1);
    return s;
}

recur::layer classifier()
{
    auto net = recur::sequential({{"rnn", recur::lstm(symbols, hidden)},
                                  {"last", recur::last(hidden)},
                                  {"fc", recur::linear(hidden, classes)}});
    net.init(1);
    net.init("rnn.*", RECUR_INIT_FORGET_BIAS, 1);
    return net;
}

struct training {
    recur::layer net = classifier();
    recur::tape tape;
    recur::loss loss{RECUR_LOSS_CROSS_ENTROPY};
    recur::optimizer adam{RECUR_OPTIMIZER_ADAM, 0.02, net.count()};
    std::vector<float> grads = std::vector<float>(static_cast<size_t>(net.count()));

    double step(uint64_t seed)
    {
        const strings s = draw(seed);
        std::vector<float> y(batch * classes), dy(y.size());
        grads.assign(grads.size(), 0);
        net.forward(s.packed, s.ids, y, tape);
        const double value = loss.classes(y, s.labels, dy);
        net.backward(s.packed, s.ids, dy, grads, tape);
        recur::clip_norm(grads, 1.0);
        adam.step(net.params(), grads);
        return value;
    }
};

double accuracy(const recur::layer &net)
{
    const strings s = draw(12345);
    const std::vector<float> y = net.run(s.packed, s.ids);
    std::vector<int32_t> guess(batch);
    recur::sample_options greedy;
    greedy.top_k = 1;
    recur::sample(classes, y, guess, 0, 0, greedy);
    int right = 0;
    for (size_t b = 0; b < batch; b++) right += guess[b] == s.labels[b];
    return right / static_cast<double>(batch);
}

/* One string, symbol by symbol, on a snapshot: the same h at its end. */
void stream(const recur::layer &net)
{
    const recur::layer rnn = net.child("rnn"), frozen = rnn.snapshot();
    const std::vector<int32_t> ids = {3, 1, 0, 2, 2};
    const std::vector<float> all = rnn.run(recur::packed::dense(1, 5), ids);
    recur::state s(frozen);
    std::vector<float> h(hidden);
    for (int32_t id : ids) frozen.step(recur::span<const int32_t>(&id, 1), s, h);
    for (size_t j = 0; j < hidden; j++)
        CHECK(std::abs(static_cast<double>(h[j]) - static_cast<double>(all[4 * hidden + j])) <
              1e-5);
    CHECK(frozen.count() == rnn.count());
    check_throws(RECUR_E_UNSUPPORTED, "snapshot", [&] { rnn.snapshot().param("weight_ih_l0"); });
}

/* Half the training, a file, the other half: the same bits as in one go. */
void stop_and_resume(const std::vector<float> &whole, int steps)
{
    training first;
    for (int i = 0; i < steps / 2; i++) first.step(static_cast<uint64_t>(i));
    recur::file out;
    first.net.save(out, "model.");
    first.adam.save(out, "adam.");
    out.set_text("steps", std::to_string(steps / 2));
    out.add("scale", {2, 1}, std::vector<float>{1, 2});

    recur::file in(out.write());
    training second;
    second.net.init(99);
    second.net.load(in, "model.");
    second.adam.load(in, "adam.");
    check_throws(RECUR_E_MISSING, "scale", [&] { in.all_used(); });
    CHECK(in.read("scale") == (std::vector<float>{1, 2}) && in.find("scale").rank == 2);
    in.all_used();
    CHECK(in.text("steps") == std::to_string(steps / 2) && !in.text("nothing"));
    for (int i = steps / 2; i < steps; i++) second.step(static_cast<uint64_t>(i));
    const recur::span<float> params = second.net.params();
    CHECK(std::vector<float>(params.begin(), params.end()) == whole);
}

} // namespace

int main()
{
    constexpr int steps = 200;
    training t;
    double loss = 0;
    for (int i = 0; i < steps; i++) loss = t.step(static_cast<uint64_t>(i));
    std::printf("loss %.4f, accuracy %.2f\n", loss, accuracy(t.net));
    CHECK(loss < 0.1 && accuracy(t.net) > 0.9);
    stream(t.net);
    const recur::span<float> params = t.net.params();
    stop_and_resume(std::vector<float>(params.begin(), params.end()), steps);
}
