"""How many numbers each array argument must hold, for every function that takes one.

A rule gets the arguments by name and gives the least sizes by name: numbers for arrays with a type,
bytes for void pointers. Where a handle is NULL or a number negative the library refuses the call
before it looks at any array.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

from . import _api

Arguments = Dict[str, Any]
Sizes = Dict[str, int]
Rule = Callable[[Arguments], Sizes]

PADDED = (_api.CONSTANTS["RECUR_LAYOUT_BATCH_FIRST"], _api.CONSTANTS["RECUR_LAYOUT_TIME_FIRST"])


def rules(ask: Any) -> dict[str, Rule]:
    """`ask` has the queries of the library as attributes: they take handles and give numbers."""

    def a_pass(a: Arguments) -> Sizes:
        layer, packed = a["layer"], a["packed"]
        if layer is None or packed is None:
            return {}
        n, rows, (inputs, outputs) = (
            ask.rows_in(packed),
            ask.rows_out(layer, packed),
            ask.widths(layer),
        )
        x, y = n * inputs, rows * outputs
        return {"x": x, "ids": n, "y": y, "dy": y, "dx": x, "dparams": ask.count(layer)}

    def steps_of(layer: Any, state: Any) -> Sizes:
        B, (inputs, outputs) = ask.streams(state), ask.widths(layer)
        sizes = {"x": B * inputs, "dx": B * inputs, "ids": B, "y": B * outputs, "dy": B * outputs}
        return {**sizes, "dparams": ask.count(layer)}

    def step(a: Arguments) -> Sizes:
        layer, state = a["layer"], a.get("state", a.get("dstate"))
        return {} if layer is None or state is None else steps_of(layer, state)

    def cell_step(a: Arguments) -> Sizes:
        cell, state = a["cell"], a.get("state", a.get("dstate"))
        return {} if cell is None or state is None else steps_of(ask.layer_of(cell), state)

    def count(*names: str) -> Rule:
        return lambda a: {name: a["count"] for name in names}

    def move(rows: str, other: str) -> Rule:
        def rule(a: Arguments) -> Sizes:
            packed, unit = a["packed"], a["row_bytes"]
            if packed is None:
                return {}
            n = ask.rows_in(packed)
            far = ask.batch(packed) * ask.steps(packed) if a["layout"] in PADDED else n
            return {rows: n * unit, other: far * unit}

        return rule

    def gather(a: Arguments) -> Sizes:
        if a["packed"] is None:
            return {}
        n, B = ask.rows_in(a["packed"]), ask.batch(a["packed"])
        return {"steps": B, "rows": n * a["row_bytes"], "to": B * a["row_bytes"]}

    def weights(a: Arguments) -> Sizes:
        options = a["options"]
        if options is not None:
            for name in ("class_weight", "positive_weight", "counts"):
                room = options.room(name)
                if getattr(options, name) and options.classes > room:
                    raise ValueError(
                        f"options.{name}: {options.classes} numbers are needed (classes), there "
                        f"are {room}"
                    )
        return {}

    def batch_in(argument: str, *names: str) -> Rule:
        """A struct with a layout and arrays for its batch."""

        def rule(a: Arguments) -> Sizes:
            layer, batch = a["layer"], a[argument]
            packed = batch.handle("packed") if batch is not None else None
            if layer is None or packed is None:
                return {}
            n, rows = ask.rows_in(packed), ask.rows_out(layer, packed)
            inputs, outputs = ask.widths(layer)
            sizes = {"x": n * inputs, "ids": n, "y": rows * outputs}
            for name in names:
                if getattr(batch, name) and batch.room(name) < sizes[name]:
                    raise ValueError(
                        f"{argument}.{name}: {sizes[name]} numbers are needed, there are "
                        f"{batch.room(name)}"
                    )
            return {}

        return rule

    sampled = batch_in("sample", "x", "ids", "y")
    quantised = batch_in("options", "x", "ids")

    def quantise(a: Arguments) -> Sizes:
        report = a["report"]
        room = report.handle("matrix") if report is not None else None
        if room is not None and report.count > (len(room) if hasattr(room, "__len__") else 1):
            raise ValueError(
                f"report.count is {report.count}, more than there are in report.matrix"
            )
        return quantised(a)

    def compiled(a: Arguments) -> Sizes:
        options = a["options"]
        sample = options.handle("sample") if options is not None else None
        return {} if sample is None else sampled({**a, "sample": sample})

    def added(a: Arguments) -> Sizes:
        info = a["info"]
        if info is None or not 0 <= info.rank <= 4:
            return {}
        product = 1
        for n in info.dim[: info.rank]:
            product *= max(n, 0)
        return {"from": product}

    def loss(a: Arguments) -> Sizes:
        y = a["rows"] * a.get("classes", a.get("features", 0))
        return {"y": y, "target": y, "dy": y, "labels": a["rows"]}

    def sampled_loss(a: Arguments) -> Sizes:
        h = a["rows"] * a["features"]
        return {"h": h, "labels": a["rows"], "params": a["count"], "dh": h, "dparams": a["count"]}

    def ctc(a: Arguments) -> Sizes:
        packed, lengths = a["packed"], a.get("label_lengths")
        if packed is None:
            return {}
        n, B = ask.rows_in(packed), ask.batch(packed)
        sizes = {"y": n * a["classes"], "dy": n * a["classes"], "label_lengths": B, "scores": B}
        if "dy" not in a:  # decoding writes the labels
            return {**sizes, "labels": n}
        if lengths is None or len(lengths) < B:
            return {**sizes, "labels": 0}
        return {**sizes, "labels": sum(max(int(n), 0) for n in lengths[:B])}

    return {
        "recur_layer_forward": a_pass,
        "recur_layer_forward_ids": a_pass,
        "recur_layer_backward": a_pass,
        "recur_layer_backward_ids": a_pass,
        "recur_layer_step": step,
        "recur_layer_step_ids": step,
        "recur_layer_step_backward": step,
        "recur_layer_step_backward_ids": step,
        "recur_tape_add_gradients": lambda a: (
            {} if a["layer"] is None else {"dparams": ask.count(a["layer"])}
        ),
        "recur_cell_step": cell_step,
        "recur_cell_step_ids": cell_step,
        "recur_cell_step_backward": cell_step,
        "recur_cell_step_backward_ids": cell_step,
        "recur_compose_create": count("names", "parts"),
        "recur_packed_create": lambda a: {"lengths": a["batch"]},
        "recur_packed_reset": lambda a: {"lengths": a["batch"]},
        "recur_packed_pack": move("rows", "from"),
        "recur_packed_unpack": move("rows", "to"),
        "recur_packed_gather": gather,
        "recur_state_gather": lambda a: (
            {} if a["to"] is None else {"sequences": ask.streams(a["to"])}
        ),
        "recur_state_read": count("to"),
        "recur_state_write": count("from"),
        "recur_loss_create": weights,
        "recur_loss_classes": loss,
        "recur_loss_values": loss,
        "recur_loss_sampled": sampled_loss,
        "recur_ctc_loss": ctc,
        "recur_ctc_decode": ctc,
        "recur_optimizer_step": count("params", "grads"),
        "recur_clip_norm": count("grads"),
        "recur_clip_norm_inf": count("grads"),
        "recur_clip_value": count("grads"),
        "recur_shards_sum": lambda a: (
            {} if a["shards"] is None else {"grads": ask.gradient(a["shards"])}
        ),
        "recur_shards_gather": lambda a: (
            {} if a["shards"] is None else {"values": a["width"] * ask.shards(a["shards"])}
        ),
        "recur_sample": lambda a: {"logits": a["rows"] * a["classes"], "ids": a["rows"]},
        "recur_file_open_memory": lambda a: {"data": a["bytes"]},
        "recur_file_read": count("to"),
        "recur_file_add": added,
        "recur_model_open_memory": lambda a: {"data": a["bytes"]},
        "recur_model_open_in_place": lambda a: {"data": a["bytes"]},
        "recur_import_nam_memory": lambda a: {"data": a["bytes"]},
        "recur_import_rtneural_memory": lambda a: {"data": a["bytes"]},
        "recur_quantise": quantise,
        "recur_quantise_params": lambda a: (
            {}
            if a["layer"] is None
            else {"from": ask.count(a["layer"]), "to": ask.count(a["layer"])}
        ),
        "recur_compile_c": compiled,
        "recur_compile_c_memory": compiled,
        "recur_model_save": sampled,
        "recur_file_put_model": sampled,
    }
