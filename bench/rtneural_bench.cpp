/* rtneural_bench.cpp - streams in RTNeural, each size known to its compiler. It is a peer of
 * compare.py, which builds it once for each of RTNeural's backends. DIR is a checkout:
 *
 *   g++ -O3 -march=native -std=c++17 -DRTNEURAL_USE_XSIMD=1 -I DIR -o rtneural_bench \
 *       rtneural_bench.cpp
 *
 * with -DRTNEURAL_USE_EIGEN=1 and Eigen's directory for the other one. A model is an LSTM or GRU of
 * one input and a dense layer of one output. */
#include <memory>
#include <string>

#include <RTNeural/RTNeural.h>

#include "peer.h"

#if RTNEURAL_USE_XSIMD
#define BACKEND "xsimd"
#else
#define BACKEND "Eigen"
#endif

namespace {

enum { INPUTS = 64 }; /* different ones, in turn */

struct stream {
    virtual ~stream() = default;
    virtual float run(float x) = 0;
    int turn = 0;
    float x[INPUTS] = {};
    float y = 0; /* so that no step is left out */
};

std::vector<std::vector<float>> uniform(int rows, int columns, float bound)
{
    std::vector<std::vector<float>> m(rows, std::vector<float>(columns));
    for (auto &row : m)
        for (auto &w : row) w = bound * (2 * (float)rand() / (float)RAND_MAX - 1);
    return m;
}

template <int H>
struct lstm {
    using layer = RTNeural::LSTMLayerT<float, 1, H>;
    static void fill(layer &l)
    {
        l.setWVals(uniform(1, 4 * H, 1 / std::sqrt((float)H)));
        l.setUVals(uniform(H, 4 * H, 1 / std::sqrt((float)H)));
        auto b = uniform(1, 4 * H, 0.1f)[0];
        l.setBVals(b);
    }
};

template <int H>
struct gru {
    using layer = RTNeural::GRULayerT<float, 1, H>;
    static void fill(layer &l)
    {
        l.setWVals(uniform(1, 3 * H, 1 / std::sqrt((float)H)));
        l.setUVals(uniform(H, 3 * H, 1 / std::sqrt((float)H)));
        l.setBVals(uniform(2, 3 * H, 0.1f));
    }
};

template <typename Cell, int H>
struct model final : stream {
    RTNeural::ModelT<float, 1, 1, typename Cell::layer, RTNeural::DenseT<float, H, 1>> net;
    model()
    {
        srand(1);
        for (auto &v : x) v = 2 * (float)rand() / (float)RAND_MAX - 1;
        Cell::fill(net.template get<0>());
        net.template get<1>().setWeights(uniform(1, H, 1 / std::sqrt((float)H)));
        const float bias[1] = { 0.1f };
        net.template get<1>().setBias(bias);
        net.reset();
    }
    float run(float in) override { return net.forward(&in); }
};

template <int H>
std::unique_ptr<stream> create_of(const std::string &cell)
{
    if (cell == "lstm") return std::make_unique<model<lstm<H>, H>>();
    return std::make_unique<model<gru<H>, H>>();
}

#define SIZES(F) F(3) F(8) F(16) F(24) F(32) F(40) F(64)

void *create(const char *workload, char *why)
{
    char cell[8] = "";
    int H = 0;
    sscanf(workload, "w6-%7[a-z]-i1-h%d", cell, &H);
#define CASE(size) \
    if (H == size) return create_of<size>(cell).release();
    SIZES(CASE)
    snprintf(why, PEER_TEXT, "no workload %s", workload);
    return nullptr;
}

bool run(void *self, char *)
{
    auto *s = static_cast<stream *>(self);
    s->y += s->run(s->x[s->turn]);
    s->turn = (s->turn + 1) % INPUTS;
    return true;
}

void release(void *self) { delete static_cast<stream *>(self); }

} // namespace

int main()
{
#define NAMES(size) "\"w6-lstm-i1-h" #size "\", \"w6-gru-i1-h" #size "\", "
    static std::string names = SIZES(NAMES) "";
    names.resize(names.size() - 2);
    const peer self = { "RTNeural, " BACKEND, names.c_str(), create, run, release };
    peer_serve(&self);
}
