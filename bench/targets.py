"""How many times as fast as its peers librecur means to be, by workload and peer."""

TARGETS = {
    ("w1-rnn", "torch"): 20, ("w1-lstm", "torch"): 25, ("w1-gru", "torch"): 25,
    ("w1-lstm-layer", "dnnl"): 5, ("w1-gru-layer", "dnnl"): 4,
    ("w2", "torch"): 100, ("w2", "kann"): 3,
    ("w3-rnn", "torch"): 1.5, ("w3-lstm", "torch"): 1.25, ("w3-gru", "torch"): 1.5,
    ("w3-rnn-layer", "dnnl"): 1.05, ("w3-lstm-layer", "dnnl"): 1.05, ("w3-gru-layer", "dnnl"): 1.05,
    ("w4-lstm", "torch"): 1.3, ("w4-layer", "dnnl"): 1.15,
    ("w5-lstm", "torch"): 1.1, ("w5-layer", "dnnl"): 1.0,
    ("w7-lstm-h100", "torch"): 6, ("w7-gru-h100", "torch"): 6,
    ("w7-lstm-h100", "onnx"): 1.1, ("w7-gru-h100", "onnx"): 1.2,
    ("w8-w3-lstm", "one-thread"): 1.7, ("w8-w5-lstm", "one-thread"): 1.7,
}

for cell in ("lstm", "gru"):
    TARGETS["w9-bf16-%s-b32-h512" % cell, "float"] = 0.95
    TARGETS["w9-int8-%s-b32-h512" % cell, "float"] = 1.6
    TARGETS["w9-int8-%s-b32-h512" % cell, "onnx"] = 1.5
    for hidden in (256, 512):
        TARGETS["w9-bf16-%s-b1-h%d" % (cell, hidden), "float"] = 1.6
        TARGETS["w9-int8-%s-b1-h%d" % (cell, hidden), "float"] = 3
        TARGETS["w9-int8-%s-b1-h%d" % (cell, hidden), "onnx"] = 1.5

for cell in ("lstm", "gru"):
    for peer, least in (("torch", 1.2), ("dnnl", 1.0), ("onnx", 1.1)):
        TARGETS["w7-%s-h512" % cell, peer] = least
    for inputs in (1, 64):
        stream = "w6-%s-i%d-h" % (cell, inputs)
        for hidden in (8, 16, 32):
            TARGETS[stream + str(hidden), "torch"] = 100
            TARGETS[stream + str(hidden), "onnx"] = 20
        TARGETS[stream + "256", "torch"] = 5
        TARGETS[stream + "512", "onnx"] = 1.25
    for hidden in (3, 8, 16, 24, 32, 40, 64):
        for backend in ("xsimd", "eigen"):
            TARGETS["w6-%s-i1-h%d" % (cell, hidden), "rtneural-" + backend] = 1.0
