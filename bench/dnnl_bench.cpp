// dnnl_bench.cpp - the recurrent layers of the workloads in oneDNN. A peer of compare.py, which
// builds and runs it:
//
//   g++ -O2 -std=c++17 -o dnnl_bench dnnl_bench.cpp -ldnnl        (version 2 or 3)
//
// Weights are in the layouts that oneDNN prefers, laid out once outside the measured time, though
// in training they would have to be laid out anew after each update. A layer of another input width
// is a primitive of its own.
#include "peer.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#if __has_include(<oneapi/dnnl/dnnl.hpp>)
#include <oneapi/dnnl/dnnl.hpp>
#else
#include <dnnl.hpp>
#endif

using namespace dnnl;
using dt = memory::data_type;
using tag = memory::format_tag;

#if DNNL_VERSION_MAJOR >= 3
#define FORWARD(kind, ...)        kind::primitive_desc(engine_, __VA_ARGS__)
#define BACKWARD(kind, hint, ...) kind::primitive_desc(engine_, __VA_ARGS__, hint)
#define DIMS(desc)                (desc).get_dims()
#else
#define FORWARD(kind, ...)        kind::primitive_desc(kind::desc(__VA_ARGS__), engine_)
#define BACKWARD(kind, hint, ...) kind::primitive_desc(kind::desc(__VA_ARGS__), engine_, hint)
#define DIMS(desc)                (desc).dims()
#endif

static engine engine_(engine::kind::cpu, 0);
static stream stream_(engine_);

// ---- layers -------------------------------------------------------------------------------------

enum Kind { RNN, LSTM, GRU };

struct Shape {
    Kind kind;
    int64_t L, T, B, I, H;
    bool bidirectional, training;
};

static memory zeros(const memory::desc &desc)
{
    memory m(desc, engine_);
    memset(m.get_data_handle(), 0, desc.get_size());
    return m;
}

// Numbers in [-bound, bound], laid out as desc wants them.
static memory uniform(const memory::desc &desc, float bound, tag plain)
{
    memory from({ DIMS(desc), dt::f32, plain }, engine_), to(desc, engine_);
    float *x = static_cast<float *>(from.get_data_handle());
    uint32_t random = 1;
    for (size_t i = 0; i < from.get_desc().get_size() / sizeof *x; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = bound * (static_cast<float>(random >> 8) / 8388608.0f - 1.0f);
    }
    reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
}

// One primitive forward, and one backward when training.
class Layer
{
  public:
    memory x, y, dx, dy;

    Layer(const Shape &shape, memory x_or_none) : x(x_or_none), s(shape)
    {
        const int64_t D = s.bidirectional ? 2 : 1, G = s.kind == LSTM ? 4 : s.kind == GRU ? 3 : 1;
        const auto way = s.bidirectional ? rnn_direction::bidirectional_concat
                                         : rnn_direction::unidirectional_left2right;
        const auto use = s.training ? prop_kind::forward_training : prop_kind::forward_inference;
        const auto back = prop_kind::backward;
        const auto tanh = algorithm::eltwise_tanh;
        const memory::desc none;
        const memory::desc X({ s.T, s.B, s.I }, dt::f32, tag::tnc),
            Y({ s.T, s.B, D * s.H }, dt::f32, tag::tnc);
        const memory::desc W({ s.L, D, s.I, G, s.H }, dt::f32, tag::any),
            U({ s.L, D, s.H, G, s.H }, dt::f32, tag::any);
        const memory::desc b({ s.L, D, s.kind == GRU ? 4 : G, s.H }, dt::f32, tag::ldgo);
        if (!x) x = uniform(X, 1, tag::abc);
        y = zeros(Y);
        // GRU with the reset gate after the product is oneDNN's "linear before reset".
        if (s.kind == RNN) {
            auto f = FORWARD(vanilla_rnn_forward, use, tanh, way, X, none, W, U, b, Y, none);
            make_forward<vanilla_rnn_forward>(f);
            if (s.training)
                make_backward<vanilla_rnn_backward>(BACKWARD(vanilla_rnn_backward, f, back, tanh,
                                                             way, X, none, W, U, b, Y, none, X,
                                                             none, W, U, b, Y, none));
        } else if (s.kind == LSTM) {
            auto f = FORWARD(lstm_forward, use, way, X, none, none, W, U, b, Y, none, none);
            make_forward<lstm_forward>(f);
            if (s.training)
                make_backward<lstm_backward>(BACKWARD(lstm_backward, f, back, way, X, none, none, W,
                                                      U, b, Y, none, none, X, none, none, W, U, b,
                                                      Y, none, none));
        } else {
            auto f = FORWARD(lbr_gru_forward, use, way, X, none, W, U, b, Y, none);
            make_forward<lbr_gru_forward>(f);
            if (s.training)
                make_backward<lbr_gru_backward>(BACKWARD(lbr_gru_backward, f, back, way, X, none, W,
                                                         U, b, Y, none, X, none, W, U, b, Y, none));
        }
    }

    void forward() { forward_.execute(stream_, in_forward); }

    // The gradients of the parameters are added to: they start at zero.
    void backward()
    {
        for (auto &m : gradients) memset(m.get_data_handle(), 0, m.get_desc().get_size());
        in_backward[DNNL_ARG_DIFF_DST_LAYER] = dy;
        backward_.execute(stream_, in_backward);
    }

  private:
    Shape s;
    primitive forward_, backward_;
    std::unordered_map<int, memory> in_forward, in_backward;
    std::vector<memory> gradients;

    template <class Primitive, class Desc> void make_forward(const Desc &desc)
    {
        forward_ = Primitive(desc);
        in_forward = {
            { DNNL_ARG_SRC_LAYER, x },
            { DNNL_ARG_DST_LAYER, y },
            { DNNL_ARG_WEIGHTS_LAYER, uniform(desc.weights_layer_desc(), 0.08f, tag::abcde) },
            { DNNL_ARG_WEIGHTS_ITER, uniform(desc.weights_iter_desc(), 0.08f, tag::abcde) },
            { DNNL_ARG_BIAS, uniform(desc.bias_desc(), 0.01f, tag::abcd) }
        };
        if (s.training) in_forward[DNNL_ARG_WORKSPACE] = memory(desc.workspace_desc(), engine_);
    }

    template <class Primitive, class Desc> void make_backward(const Desc &desc)
    {
        backward_ = Primitive(desc);
        dx = zeros(desc.diff_src_layer_desc());
        dy = uniform(desc.diff_dst_layer_desc(), 0.1f, tag::abc);
        gradients = { zeros(desc.diff_weights_layer_desc()), zeros(desc.diff_weights_iter_desc()),
                      zeros(desc.diff_bias_desc()) };
        in_backward = in_forward;
        in_backward[DNNL_ARG_WEIGHTS_LAYER] = uniform(desc.weights_layer_desc(), 0.08f, tag::abcde);
        in_backward[DNNL_ARG_WEIGHTS_ITER] = uniform(desc.weights_iter_desc(), 0.08f, tag::abcde);
        in_backward[DNNL_ARG_DIFF_SRC_LAYER] = dx;
        in_backward[DNNL_ARG_DIFF_WEIGHTS_LAYER] = gradients[0];
        in_backward[DNNL_ARG_DIFF_WEIGHTS_ITER] = gradients[1];
        in_backward[DNNL_ARG_DIFF_BIAS] = gradients[2];
    }
};

class Stack
{
  public:
    explicit Stack(const Shape &s) : training(s.training)
    {
        const int64_t width = s.H * (s.bidirectional ? 2 : 1);
        const bool split = s.L > 1 && s.I != width;
        Shape first = s, rest = s;
        if (split) first.L = 1, rest.L = s.L - 1, rest.I = width;
        part.push_back(std::make_unique<Layer>(first, memory()));
        if (!split) return;
        part.push_back(std::make_unique<Layer>(rest, part[0]->y));
        part[0]->dy = part[1]->dx;
    }

    void run()
    {
        for (auto &layer : part) layer->forward();
        if (training)
            for (size_t i = part.size(); i-- > 0;) part[i]->backward();
        stream_.wait();
    }

  private:
    bool training;
    std::vector<std::unique_ptr<Layer>> part;
};

static std::map<std::string, Shape> workloads()
{
    std::map<std::string, Shape> all;
    const char *const name[] = { "rnn", "lstm", "gru" };
    for (Kind k : { RNN, LSTM, GRU }) {
        const std::string cell = name[k];
        if (k != RNN) all["w1-" + cell + "-layer"] = { k, 1, 80, 256, 8, 4, false, true };
        all["w3-" + cell + "-layer"] = { k, 2, 28, 100, 28, 128, false, true };
        if (k != RNN) all["w7-" + cell + "-h100"] = { k, 1, 784, 1, 1, 100, false, false };
        if (k != RNN) all["w7-" + cell + "-h512"] = { k, 1, 100, 32, 512, 512, false, false };
    }
    all["w4-layer"] = { LSTM, 1, 28, 100, 28, 128, true, true };
    all["w5-layer"] = { LSTM, 2, 100, 64, 65, 512, false, true };
    return all;
}

// ---- answering ----------------------------------------------------------------------------------

static void *create(const char *workload, char *why)
{
    try {
        return new Stack(workloads().at(workload));
    } catch (const std::exception &problem) {
        snprintf(why, PEER_TEXT, "%s", problem.what());
        return nullptr;
    }
}

static bool run(void *stack, char *why)
{
    try {
        static_cast<Stack *>(stack)->run();
        return true;
    } catch (const std::exception &problem) {
        snprintf(why, PEER_TEXT, "%s", problem.what());
        return false;
    }
}

static void release(void *stack) { delete static_cast<Stack *>(stack); }

int main()
{
    const dnnl_version_t *v = dnnl_version();
    const std::string version = std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
                                std::to_string(v->patch),
                      name = "oneDNN " + version;
    std::string names;
    for (const auto &each : workloads())
        names += (names.empty() ? "\"" : ", \"") + each.first + "\"";
    const peer dnnl_peer = { name.c_str(), names.c_str(), create, run, release };
    peer_serve(&dnnl_peer);
    return 0;
}
