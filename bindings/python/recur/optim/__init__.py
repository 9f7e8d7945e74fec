"""The names of torch.optim that are there: update rules over the parameters of modules.

adam = Adam(net, lr=0.01)                       # or net.parameters()
sgd = SGD([{"params": net.rnn}, {"params": net.fc, "lr": 0.1}], lr=0.01, momentum=0.9)
sgd.param_groups[1]["lr"] /= 2
"""

from .._missing import refuse_in
from . import lr_scheduler
from .clipping import clip_grad_norm_, clip_grad_value_, grad_norm
from .kinds import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop
from .optimizer import Optimizer, ParamGroup

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "ParamGroup",
    "RAdam",
    "RMSprop",
    "SGD",
    "clip_grad_norm_",
    "clip_grad_value_",
    "grad_norm",
    "lr_scheduler",
]

__getattr__ = refuse_in(__name__)
