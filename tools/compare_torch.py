#!/usr/bin/python3
"""Compares hone with PyTorch on models that PyTorch exports: detection, transformers, recurrent networks, scripted
control flow, segmentation, video, optical flow and single operators in many settings and opsets.

usage: tools/compare_torch.py [--hone build/hone] [--dir DIR] [--only PATTERN,...] [--reuse] [--list]

Every model has seeded random weights. It is exported to DIR/NAME/model.onnx with one test_data_set_N per set of inputs
(inputs of other shapes where axes are dynamic; outputs are PyTorch's own), then `hone run --expect` runs all of them in
one session, without and with graph optimisation. The table has one line per model; exit status 1 when a line is not ok.
Needs Debian's python3-torch, python3-torchvision and python3-onnx; nothing that hone is built from uses it.
"""
import argparse
import fnmatch
import json
import math
import os
import shutil
import subprocess
import sys
import time
import traceback
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

M = torchvision.models
# Swin v2 clears a part of its bias in place, for which this exporter has no rule.
torch.onnx.register_custom_op_symbolic("aten::zero", lambda g, x: g.op("Sub", x, x), 9)
CASES = {}


class Case:
    """A module, the sets of inputs that it is run with (the first one is exported), and how to export it."""

    def __init__(self, module, *inputs, opset=16, dynamic=None, **export):
        self.module, self.inputs, self.opset, self.dynamic, self.export = module, inputs, opset, dynamic, export


def case(name):
    def add(make):
        CASES[name] = make
        return make

    return add


def rand(*shape):
    return torch.rand(*shape)


def randn(*shape):
    return torch.randn(*shape)


def lively(module):
    """Gives batch normalisation statistics other than 0 and 1, as training would."""
    for m in module.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(m.running_mean, -0.1, 0.1)
            nn.init.uniform_(m.running_var, 0.8, 1.2)
            nn.init.uniform_(m.weight, 0.8, 1.2)
            nn.init.uniform_(m.bias, -0.1, 0.1)
        elif isinstance(m, nn.Linear) and not m.weight.any():
            m.reset_parameters()  # heads that start at zero would hide everything before them
    return module


def scene(h, w):
    """An image whose parts differ, so that no two boxes have nearly one score."""
    return F.interpolate(rand(1, 3, 7, 6), (h, w), mode="bicubic")[0] + rand(3, h, w) * 0.2


def settle(model, image, spread):
    """Scales the layers of a detector's heads so that scores differ and do not saturate, as those of a trained model."""
    def scale(target):
        def hook(module, inputs, output):
            if not hasattr(module, "is_settled"):
                module.is_settled = True
                factor = target / float(output.std())
                module.weight.data *= factor
                return output * factor

        return hook

    hooks = []
    for name, m in model.named_modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)) and not name.startswith("backbone.body") and "backbone.features" not in name:
            short = name.rsplit("head", 1)[-1]
            if m.bias is not None:
                nn.init.zeros_(m.bias)  # that of a fresh classifier says that nothing is anything
            target = spread if "cls" in name or "class" in short else 0.3 if "bbox" in name or "reg" in short else 1.0
            hooks.append(m.register_forward_hook(scale(target)))
    with torch.no_grad():
        model([image])
    for hook in hooks:
        hook.remove()


def calibrate(model, size):
    """Takes the statistics of batch normalisation from images: with made-up ones a deep backbone gives the same features
    everywhere, and thousands of boxes have one score (ONNX Runtime orders them in yet another way)."""
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = None  # the average of all batches
    model.backbone.train()
    model.head.train()
    with torch.no_grad():
        for _ in range(4):
            model.head(list(model.backbone(torch.stack([scene(*size) for _ in range(4)]) * 2 - 1).values()))


class Picked(nn.Module):
    """Models that give dictionaries, tuples or lists: their tensors as a flat tuple."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *x):
        return tuple(flat(self.model(*x)))


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    if value is None:
        return []
    if isinstance(value, (int, float, bool)):
        return [torch.tensor(value)]
    return [t for item in value for t in flat(item)]


# ---- torchvision: classification, segmentation, video, optical flow ----

def vision(name, size, opset=16, batch=True, **options):
    def make():
        torch.manual_seed(1)
        model = lively(M.get_model(name, weights=None, **options))
        sets = [(rand(1, 3, size, size),)] + ([(rand(3, 3, size, size),)] if batch else [])
        return Case(model, *sets, opset=opset, dynamic={0: {0: "n"}} if batch else None)

    CASES[name if opset == 16 else "%s@%d" % (name, opset)] = make


for name, size in (("swin_t", 224), ("swin_v2_t", 256), ("maxvit_t", 224)):
    vision(name, size, batch=False)
for name, size in (("vit_b_32", 224), ("inception_v3", 299), ("googlenet", 224), ("resnext50_32x4d", 96),
                   ("efficientnet_v2_s", 128), ("mnasnet1_0", 96), ("resnet18", 96), ("densenet121", 64),
                   ("shufflenet_v2_x1_0", 96), ("mobilenet_v3_small", 96), ("regnet_x_400mf", 96), ("convnext_tiny", 96),
                   ("squeezenet1_1", 96), ("alexnet", 96)):
    vision(name, size, **({"init_weights": False} if name in ("inception_v3", "googlenet") else {}))
for opset in (9, 10, 11, 12, 13, 14, 15, 17):
    vision("resnet18", 64, opset)
    vision("mobilenet_v3_small", 64, opset)
for opset in (12, 17):
    vision("vit_b_32", 224, opset)
vision("swin_t", 224, 17, batch=False)


def segmentation(name, sizes=((1, 96, 128), (2, 64, 64))):
    @case(name)
    def make():
        torch.manual_seed(2)
        model = Picked(lively(M.get_model(name, weights=None, weights_backbone=None)))
        return Case(model, *[(rand(n, 3, h, w),) for n, h, w in sizes], dynamic={0: {0: "n", 2: "h", 3: "w"}})


for name in ("deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "fcn_resnet50", "lraspp_mobilenet_v3_large"):
    segmentation(name)


class UNet(nn.Module):
    def __init__(self, widths=(16, 32, 64, 128), transposed=True):
        super().__init__()
        self.down, self.up, self.rise = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        c = 3
        for w in widths:
            self.down.append(self.block(c, w))
            c = w
        for w in reversed(widths[:-1]):
            self.rise.append(nn.ConvTranspose2d(c, w, 2, 2) if transposed else
                             nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(c, w, 1)))
            self.up.append(self.block(2 * w, w))
            c = w
        self.head = nn.Conv2d(c, 2, 1)

    @staticmethod
    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True),
                             nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True))

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for rise, block, skip in zip(self.rise, self.up, reversed(kept[:-1])):
            x = rise(x)
            x = F.pad(x, [0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]])
            x = block(torch.cat([skip, x], 1))
        return torch.sigmoid(self.head(x))


@case("unet")
def _():
    return Case(lively(UNet()), (rand(1, 3, 96, 96),), (rand(2, 3, 70, 101),), dynamic={0: {0: "n", 2: "h", 3: "w"}})


@case("unet_bilinear")
def _():
    return Case(lively(UNet(transposed=False)), (rand(1, 3, 96, 96),), (rand(2, 3, 70, 101),),
                dynamic={0: {0: "n", 2: "h", 3: "w"}})


@case("unet_3d")
def _():
    def block(a, b):
        return nn.Sequential(nn.Conv3d(a, b, 3, padding=1), nn.InstanceNorm3d(b, affine=True), nn.LeakyReLU(0.01))

    class UNet3d(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = block(1, 8), block(8, 16), block(16, 8)
            self.pool, self.rise, self.head = nn.MaxPool3d(2), nn.ConvTranspose3d(16, 8, 2, 2), nn.Conv3d(8, 3, 1)

        def forward(self, x):
            a = self.a(x)
            return self.head(self.c(torch.cat([a, self.rise(self.b(self.pool(a)))], 1)))

    return Case(UNet3d(), (rand(1, 1, 16, 32, 32),), (rand(1, 1, 24, 16, 40),), dynamic={0: {2: "d", 3: "h", 4: "w"}})


def video(name, frames=8, size=64):
    @case(name)
    def make():
        torch.manual_seed(3)
        return Case(lively(M.get_model(name, weights=None)), (rand(1, 3, frames, size, size),), (rand(2, 3, frames, size, size),),
                    dynamic={0: {0: "n"}})


for name in ("r3d_18", "mc3_18", "r2plus1d_18"):
    video(name)
video("s3d", 16, 224)


@case("mvit_v2_s")
def _():
    # Of its own size, 16 images of 224 x 224, PyTorch 1.13 needs more than 22 GB to export it.
    torch.manual_seed(3)
    mvit = M.video.mvit
    whole, mvit.MViT = mvit.MViT, lambda **given: whole(**dict(given, spatial_size=(64, 64), temporal_size=8))
    try:
        model = M.get_model("mvit_v2_s", weights=None)
    finally:
        mvit.MViT = whole
    return Case(lively(model), (rand(1, 3, 8, 64, 64),))


def raft(name):
    @case(name)
    def make():
        torch.manual_seed(4)

        class Flow(nn.Module):
            def __init__(self):
                super().__init__()
                self.model = lively(M.get_model(name, weights=None))

            def forward(self, a, b):
                return self.model(a, b, num_flow_updates=3)[-1]

        return Case(Flow(), (rand(1, 3, 128, 136) * 2 - 1, rand(1, 3, 128, 136) * 2 - 1))


raft("raft_small")
raft("raft_large")


# ---- torchvision: detection ----

def detection(name, size=(160, 192), **options):
    @case(name)
    def make():
        torch.manual_seed(5)
        model = lively(M.get_model(name, weights=None, weights_backbone=None, **options))
        if name.startswith("ssdlite"):
            calibrate(model, size)
        settle(model.eval(), scene(*size), 1.0 if name.startswith(("retina", "fcos")) else 2.0)  # sigmoids saturate sooner
        return Case(model, ([scene(*size)],), ([scene(size[0] - 16, size[1] + 32)],), opset=14, dynamic={0: {1: "h", 2: "w"}})


RCNN = dict(min_size=160, max_size=256, box_detections_per_img=20, rpn_post_nms_top_n_test=100, box_score_thresh=0.1)
detection("fasterrcnn_resnet50_fpn", **RCNN)
detection("fasterrcnn_resnet50_fpn_v2", **RCNN)
detection("fasterrcnn_mobilenet_v3_large_320_fpn", **RCNN)
detection("maskrcnn_resnet50_fpn", **RCNN)
detection("keypointrcnn_resnet50_fpn", **RCNN)
DENSE = dict(min_size=160, max_size=256, score_thresh=0.3, topk_candidates=200, detections_per_img=50)
detection("retinanet_resnet50_fpn", **DENSE)
detection("fcos_resnet50_fpn", **dict(DENSE, score_thresh=0.05))
SSD = dict(score_thresh=0.1, topk_candidates=100, detections_per_img=50)
detection("ssd300_vgg16", (300, 300), **SSD)
detection("ssdlite320_mobilenet_v3_large", (320, 320), **dict(SSD, score_thresh=0.02))


for aligned in (False, True):
    @case("nms_roi_align_%d" % aligned)
    def _(aligned=aligned):
        class Boxes(nn.Module):  # torchvision exports every RoiAlign as aligned from opset 16 on, as not aligned before
            def forward(self, x, boxes, scores, classes):
                keep = torchvision.ops.batched_nms(boxes, scores, classes, 0.4)
                pooled = torchvision.ops.roi_align(x, [boxes[keep]], (5, 3), 0.25, 2, aligned=aligned)
                adaptive = torchvision.ops.roi_align(x, [boxes[keep]], (4, 4), 0.25, -1, aligned=aligned)
                return keep, pooled, adaptive

        def data(n):
            corner = rand(n, 2) * 100
            return randn(1, 6, 40, 40), torch.cat([corner, corner + 5 + rand(n, 2) * 40], 1), rand(n), torch.randint(0, 3, (n,))

        return Case(Boxes(), data(50), data(9), data(1), opset=16 if aligned else 14, dynamic={1: {0: "n"}, 2: {0: "n"}, 3: {0: "n"}})


# ---- recurrent networks ----

def recurrent(kind, opset=16, **options):
    label = "_".join([kind.lower()] + ["%s%s" % (k[:5], v) for k, v in options.items()]) + ("" if opset == 16 else "@%d" % opset)

    @case(label)
    def make():
        torch.manual_seed(6)
        model = Picked(getattr(nn, kind)(24, 40, **options))
        first = options.get("batch_first", False)
        sets = [(randn(n, t, 24) if first else randn(t, n, 24),) for t, n in ((7, 3), (1, 1), (19, 2))]
        return Case(model, *sets, opset=opset, dynamic={0: {0: "a", 1: "b"}})


for kind in ("LSTM", "GRU", "RNN"):
    recurrent(kind)
    recurrent(kind, bidirectional=True)
    recurrent(kind, num_layers=3, bidirectional=True, batch_first=True)
    recurrent(kind, opset=9, num_layers=2, batch_first=True)
    recurrent(kind, opset=13, bias=False)
recurrent("RNN", nonlinearity="relu")
recurrent("LSTM", proj_size=0, num_layers=2, bidirectional=True, opset=11)


@case("lstm_state")
def _():
    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(16, 32, 2)

        def forward(self, x, h, c):
            y, (h, c) = self.lstm(x, (h, c))
            return y, h, c

    return Case(Step(), (randn(1, 1, 16), randn(2, 1, 32), randn(2, 1, 32)), (randn(5, 1, 16), randn(2, 1, 32), randn(2, 1, 32)),
                dynamic={0: {0: "t"}})


for kind in ("LSTM", "GRU", "RNN"):
    @case("packed_" + kind.lower())
    def _(kind=kind):
        class Packed(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn = getattr(nn, kind)(12, 20, num_layers=2, bidirectional=True, batch_first=True)

            def forward(self, x, lengths):
                packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=True)
                y, h = self.rnn(packed)
                y, n = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
                return tuple([y] + flat(h))

        return Case(Packed(), (randn(4, 9, 12), torch.tensor([9, 6, 6, 1])), (randn(4, 5, 12), torch.tensor([5, 5, 3, 2])),
                    dynamic={0: {1: "t"}})  # the exporter fixes the batch of the initial state


@case("lstm_tagger")
def _():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm, self.out = nn.Embedding(100, 32), nn.LSTM(32, 64, 2, bidirectional=True, batch_first=True), nn.Linear(128, 9)

        def forward(self, ids):
            return F.log_softmax(self.out(self.lstm(self.embed(ids))[0]), -1)

    return Case(Tagger(), (torch.randint(0, 100, (2, 11)),), (torch.randint(0, 100, (1, 30)),), dynamic={0: {0: "n", 1: "t"}})


@case("cells")
def _():
    class Cells(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.gru, self.rnn = nn.LSTMCell(8, 12), nn.GRUCell(12, 12), nn.RNNCell(12, 12)

        def forward(self, x):
            h = c = g = r = torch.zeros(x.shape[1], 12)
            for t in range(4):
                h, c = self.lstm(x[t], (h, c))
                g = self.gru(h, g)
                r = self.rnn(g, r)
            return h, c, g, r

    return Case(Cells(), (randn(4, 3, 8),))


# ---- scripted control flow ----

@torch.jit.script
def grow(x: torch.Tensor, n: torch.Tensor):
    out = [x]
    for i in range(int(n)):
        out.append(torch.relu(out[-1] * 1.1 - 0.1))
    return torch.stack(out)


@torch.jit.script
def collatz(x: torch.Tensor):
    steps = torch.zeros([1], dtype=torch.int64)
    while bool((x > 1).all()):
        if bool((x % 2 == 0).all()):
            x = x // 2
        else:
            x = 3 * x + 1
        steps = steps + 1
    return x, steps


@torch.jit.script
def pick(x: torch.Tensor, y: torch.Tensor):
    if bool(x.sum() > 0):
        if bool(y.sum() > 0):
            z = x @ y
        else:
            z = x.relu() @ y
    else:
        z = (x - 1) @ (y + 1)
    return z, z.mean()


@torch.jit.script
def recur(x: torch.Tensor, w: torch.Tensor):
    h = torch.zeros([x.size(1), w.size(1)])
    outputs = []
    for t in range(x.size(0)):
        h = torch.tanh(torch.cat([x[t], h], 1) @ w)
        outputs.append(h)
    return torch.stack(outputs), h


@torch.jit.script
def nested(x: torch.Tensor, n: torch.Tensor):
    for i in range(int(n)):
        j = 0
        while bool(x.abs().max() > 1) and j < 5:
            x = x * 0.7
            j = j + 1
        x = x + float(j)
    return x


@torch.jit.script
def ragged(x: torch.Tensor, lengths: torch.Tensor):
    parts = []
    for i in range(lengths.size(0)):
        parts.append(x[i, : int(lengths[i])])
    return torch.cat(parts)


@torch.jit.script
def split_loop(x: torch.Tensor):
    parts = torch.split(x, 3, dim=0)
    total = torch.zeros([x.size(1)])
    for p in parts:
        total = total + p.sum(0)
    return total


@torch.jit.script
def greedy(w: torch.Tensor, start: torch.Tensor, limit: torch.Tensor):
    ids = start
    token = start
    n = 0
    go_on = True
    while go_on and n < int(limit):
        token = w[token[-1:]].argmax(1)
        ids = torch.cat([ids, token])
        n = n + 1
        if int(token) == 0:
            go_on = False
    return ids


class Wrapped(nn.Module):
    """A scripted function inside a module, so that the export keeps its control flow."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


def scripted(name, function, *sets, opset=16, dynamic=None):
    CASES[name if opset == 16 else "%s@%d" % (name, opset)] = lambda: Case(
        Wrapped(function), *[s() for s in sets], opset=opset, dynamic=dynamic)


I = torch.tensor
for opset in (11, 13, 16):
    if opset == 16:
        scripted("script_grow", grow, lambda: (randn(3, 4), I(5)), lambda: (randn(7, 4), I(0)), lambda: (randn(1, 4), I(40)),
                 opset=opset, dynamic={0: {0: "n"}})
    scripted("script_collatz", collatz, lambda: (I([27]),), lambda: (I([1]),), lambda: (I([97]),), opset=opset)
    scripted("script_pick", pick, lambda: (rand(3, 4), rand(4, 5)), lambda: (-rand(3, 4), rand(4, 5)),
             lambda: (rand(3, 4), -rand(4, 5)), opset=opset)
    scripted("script_recur", recur, lambda: (randn(6, 2, 5), randn(8, 3) * 0.5), lambda: (randn(1, 4, 5), randn(8, 3) * 0.5),
             opset=opset, dynamic={0: {0: "t", 1: "n"}})
    scripted("script_nested", nested, lambda: (randn(4, 4) * 9, I(3)), lambda: (randn(4, 4) * 90, I(6)), opset=opset)
    if opset > 11:  # before, lists are stacked, which asks for parts of one shape
        scripted("script_ragged", ragged, lambda: (randn(3, 8, 2), I([8, 1, 3])), lambda: (randn(2, 8, 2), I([2, 4])), opset=opset,
                 dynamic={0: {0: "n"}, 1: {0: "n"}})
    scripted("script_split", split_loop, lambda: (randn(9, 4),), opset=opset)
    scripted("script_greedy", greedy, lambda: (randn(20, 20), I([3]), I(15)), lambda: (randn(20, 20), I([7]), I(2)), opset=opset)


@case("script_module")
def _():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1) for _ in range(3)])
            self.gate = nn.Linear(4, 1)

        def forward(self, x, n: torch.Tensor):
            for first in self.convs:
                x = torch.relu(first(x))
            for i in range(int(n)):
                for second in self.convs:
                    if bool(self.gate(x.mean([2, 3])).sum() > 0):
                        x = x + torch.relu(second(x))
                    else:
                        x = x - second(x) * 0.5
            return x

    return Case(torch.jit.script(Mixed()), (randn(1, 4, 12, 12), I(2)), (randn(2, 4, 9, 17), I(4)),
                dynamic={0: {0: "n", 2: "h", 3: "w"}})


# ---- transformers ----

@case("transformer")
def _():
    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Transformer(64, 4, 2, 2, 128, batch_first=True)

        def forward(self, source, target):
            n = target.shape[1]
            mask = torch.triu(torch.full((n, n), float("-inf")), 1)
            return self.model(source, target, tgt_mask=mask)

    return Case(Seq2Seq(), (randn(2, 9, 64), randn(2, 5, 64)), (randn(1, 3, 64), randn(1, 12, 64)),
                dynamic={0: {0: "n", 1: "s"}, 1: {0: "n", 1: "t"}})


for first in (True, False):
    for activation in ("relu", "gelu"):
        @case("encoder_%s_%s" % (activation, "first" if first else "second"))
        def _(first=first, activation=activation):
            layer = nn.TransformerEncoderLayer(48, 6, 96, activation=activation, batch_first=first, norm_first=first)
            return Case(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (randn(3, 7, 48),), (randn(1, 20, 48),),
                        dynamic={0: {0: "a", 1: "b"}})


@case("attention_masked")
def _():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

        def forward(self, x, padding):
            return self.attention(x, x, x, key_padding_mask=padding)

    def data(n, t):
        mask = torch.zeros(n, t, dtype=torch.bool)
        mask[:, t - 1] = True
        return randn(n, t, 32), mask

    return Case(Masked(), data(2, 6), data(1, 11), dynamic={0: {0: "n", 1: "t"}, 1: {0: "n", 1: "t"}})


# ---- single operators ----

class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


def op(name, function, *sets, opset=16, dynamic=None):
    make = lambda: Case(function() if isinstance(function, type) else function if isinstance(function, nn.Module) else Function(function),
                        *[s() for s in sets], opset=opset, dynamic=dynamic)
    CASES["op_" + name + ("" if opset == 16 else "@%d" % opset)] = make


HW = {0: {0: "n", 2: "h", 3: "w"}}
for opset in (9, 10, 11, 13, 16, 17):
    for mode in ("nearest", "bilinear", "bicubic"):
        if mode == "bicubic" and opset < 11:
            continue
        if mode == "bilinear" and opset < 11:
            continue  # Upsample has no half-pixel coordinates: the exporter warns that results differ
        corners = (None,) if mode == "nearest" else (False, True)
        for align in corners:
            tail = "" if align is None else "_align" if align else "_half"
            op("up_%s%s" % (mode, tail), lambda x, m=mode, a=align: F.interpolate(x, scale_factor=2.0, mode=m, align_corners=a),
               lambda: (randn(1, 3, 9, 7),), opset=opset)
            op("size_%s%s" % (mode, tail), lambda x, m=mode, a=align: F.interpolate(x, size=(17, 23), mode=m, align_corners=a),
               lambda: (randn(1, 3, 9, 12),), opset=opset)
            if opset >= 11:
                op("down_%s%s" % (mode, tail),
                   lambda x, m=mode, a=align: F.interpolate(x, scale_factor=(0.6, 1.7), mode=m, align_corners=a, recompute_scale_factor=True),
                   lambda: (randn(1, 3, 25, 17),), lambda: (randn(2, 3, 31, 10),), opset=opset, dynamic=HW)
op("up_trilinear", lambda x: F.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False), lambda: (randn(1, 2, 4, 5, 6),))
op("up_linear_1d", lambda x: F.interpolate(x, scale_factor=3.0, mode="linear", align_corners=True), lambda: (randn(2, 3, 10),))
op("up_nearest_3d", lambda x: F.interpolate(x, size=(7, 9, 4), mode="nearest"), lambda: (randn(1, 2, 4, 5, 6),))
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        if (mode, padding) == ("bicubic", "border"):
            continue  # ONNX clamps the point, PyTorch each of its taps
        for align in (False, True):
            op("grid_%s_%s_%d" % (mode, padding, align),
               lambda x, g, m=mode, p=padding, a=align: F.grid_sample(x, g, m, p, a),
               lambda: (randn(2, 3, 8, 9), rand(2, 6, 7, 2) * 2.6 - 1.3))
op("pixel_shuffle", nn.PixelShuffle(3), lambda: (randn(2, 18, 4, 5),), lambda: (randn(1, 18, 3, 8),), dynamic=HW)
op("pixel_unshuffle", nn.PixelUnshuffle(2), lambda: (randn(2, 3, 4, 6),))
op("embedding_bag", lambda: None, lambda: None)
for mode in ("sum", "mean", "max"):
    def bag(mode=mode):
        return Case(nn.EmbeddingBag(30, 8, mode=mode), (torch.randint(0, 30, (11,)), I([0, 4, 4, 9]) if mode == "sum" else I([0, 4, 9])))
    CASES["op_embedding_bag_" + mode] = bag
del CASES["op_embedding_bag"]
for text, shapes in (("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))), ("ij->ji", ((3, 4),)), ("bhid,bhjd->bhij", ((2, 3, 4, 5), (2, 3, 6, 5))),
                     ("ii->i", ((4, 4),)), ("ijk,k->ij", ((2, 3, 4), (4,))), ("...ij,...jk->...ik", ((2, 3, 4), (2, 4, 2))),
                     ("i,j,k->ijk", ((2,), (3,), (4,))), ("abc,acd,ade->be", ((2, 3, 4), (2, 4, 5), (2, 5, 3)))):
    op("einsum_" + text.replace(",", "_").replace("->", "_to_").replace(".", ""), lambda *x, t=text: torch.einsum(t, *x),
       lambda s=shapes: tuple(randn(*d) for d in s))
for n, conv in ((1, nn.Conv1d), (2, nn.Conv2d), (3, nn.Conv3d)):
    side = (20, 14, 11)[n - 1]
    for label, options in (("plain", dict(kernel_size=3)), ("same", dict(kernel_size=3, padding=1, stride=2)), ("grouped", dict(kernel_size=3, groups=4, padding=1)),
                           ("depthwise", dict(kernel_size=3, groups=16, padding=2, dilation=2)), ("point", dict(kernel_size=1)),
                           ("even", dict(kernel_size=4, stride=2, padding=1)),
                           ("reflect", dict(kernel_size=3, padding=1, padding_mode="reflect"))):
        if label == "reflect" and n == 3:
            continue
        def make_conv(conv=conv, options=options, n=n, side=side):
            d = {0: {0: "n", 2: "h"}}
            return Case(conv(16, 32, **options), (randn(1, 16, *[side] * n),), (randn(3, 16, side + 5, *[side] * (n - 1)),), dynamic=d)
        CASES["op_conv%dd_%s" % (n, label)] = make_conv
for n, conv in ((1, nn.ConvTranspose1d), (2, nn.ConvTranspose2d), (3, nn.ConvTranspose3d)):
    for label, options in (("plain", dict(kernel_size=3)), ("double", dict(kernel_size=4, stride=2, padding=1)), ("out", dict(kernel_size=3, stride=3, output_padding=1)),
                           ("grouped", dict(kernel_size=3, groups=4, stride=2)), ("depthwise", dict(kernel_size=4, stride=2, padding=1, groups=16)),
                           ("dilated", dict(kernel_size=3, dilation=2))):
        def make_deconv(conv=conv, options=options, n=n):
            return Case(conv(16, 16, **options), (randn(1, 16, *[9] * n),), (randn(2, 16, 12, *[9] * (n - 1)),), dynamic={0: {0: "n", 2: "h"}})
        CASES["op_deconv%dd_%s" % (n, label)] = make_deconv
for n in (1, 2, 3):
    for label, options in (("max", dict(kernel_size=3, stride=2, padding=1)), ("ceil", dict(kernel_size=2, stride=2, ceil_mode=True)), ("dilated", dict(kernel_size=3, dilation=2, stride=1))):
        CASES["op_maxpool%dd_%s" % (n, label)] = lambda n=n, options=options: Case(getattr(nn, "MaxPool%dd" % n)(**options), (randn(2, 5, *[11] * n),))
    for label, options in (("plain", dict(kernel_size=3, stride=2, padding=1)), ("exclude", dict(kernel_size=3, padding=1, count_include_pad=False)), ("ceil", dict(kernel_size=2, stride=2, ceil_mode=True))):
        CASES["op_avgpool%dd_%s" % (n, label)] = lambda n=n, options=options: Case(getattr(nn, "AvgPool%dd" % n)(**options), (randn(2, 5, *[11] * n),))
    CASES["op_adaptive%dd" % n] = lambda n=n: Case(getattr(nn, "AdaptiveAvgPool%dd" % n)((3,) * n), (randn(2, 5, *[9] * n),))
    CASES["op_global%dd" % n] = lambda n=n: Case(getattr(nn, "AdaptiveAvgPool%dd" % n)(1), (randn(2, 5, *[9] * n),))
    CASES["op_lppool%dd" % n] = (lambda n=n: Case(getattr(nn, "LPPool%dd" % n)(2, 3), (rand(2, 5, *[9] * n),)))if n < 3 else CASES["op_global1d"]
for opset in (9, 11, 13, 16, 17):
    for label, function in (
            ("softmax", lambda x: (F.softmax(x, 1), F.log_softmax(x, -1), F.softmax(x, 0))),
            ("norms", lambda x: (F.layer_norm(x, x.shape[-1:]), x / x.norm(dim=1, keepdim=True), F.normalize(x, p=1.0, dim=2))),
            ("instance_norm", lambda x: F.instance_norm(x)),
            ("group_norm", lambda x: F.group_norm(x, 2, torch.ones(4) * 1.5, torch.ones(4) * 0.5)),
            ("activations", lambda x: (F.gelu(x), F.silu(x), F.elu(x), F.selu(x), F.celu(x, 0.7), F.softplus(x), F.softsign(x), F.leaky_relu(x, 0.2), F.hardtanh(x), F.relu6(x), F.prelu(x, torch.tensor([0.3])), F.hardsigmoid(x), F.logsigmoid(x), F.tanhshrink(x), F.softshrink(x), F.hardshrink(x))),
            ("reductions", lambda x: (x.sum(1), x.mean((0, 2)), x.max(1)[0], x.min(2, keepdim=True)[0], x.prod(0), x.argmax(1), x.argmin(2), x.norm(dim=1), x.norm(1, 2))),
            ("statistics", lambda x: (x.std(1), x.var((1, 2), unbiased=False), x.logsumexp(1), x.amax(1), x.amin(2, keepdim=True), x.norm())),
            ("slices", lambda x: (x[:, 1:3], x[..., -2:], x[:, ::2], x[1], x[:, None], x[:, [0, 2]], x.flip([1]), x.roll(1, 2), x.chunk(2, 1)[1], x.unbind(1)[0], x.narrow(2, 1, 3))),
            ("indexing", lambda x: (x.gather(1, torch.tensor([[[0, 1, 2, 3, 1]], [[3, 2, 1, 0, 0]]])), x.index_select(2, I([4, 0])), x.masked_fill(x > 0.5, -1.0), torch.where(x > 0, x, x * 2), x.scatter(1, torch.zeros(2, 1, 5, dtype=torch.int64), 9.0), x.topk(2, 2)[0], x.topk(2, 2)[1])),
            ("shapes", lambda x: (x.permute(2, 0, 1), x.reshape(2, -1), x.flatten(1), x.unsqueeze(-1).expand(2, 4, 5, 3), x.repeat(1, 2, 1), torch.stack([x, x], 1), F.pad(x, [1, 2]), F.pad(x, [1, 1], mode="reflect"), F.pad(x, [2, 1], mode="replicate"))),
            ("maths", lambda x: (x.exp(), x.abs().log(), x.abs().sqrt(), x.abs().rsqrt(), x.sin(), x.cos(), x.tan(), x.tanh(), x.sigmoid(), x.erf(), x.floor(), x.ceil(), x.sign(), x.reciprocal(), x.clamp(-0.5, 0.5), x.abs().pow(1.7), x ** 2, x.neg(), x.square(), torch.atan(x))),
            ("integers", lambda x: ((x.abs() * 10).to(torch.int64) // 3, (x * 10).to(torch.int32) % 4, (x > 0) & (x < 1), (x > 0) | (x < -1), ~(x > 0), (x * 3).long().clamp(min=0), (x * 5).to(torch.int64) * 2, (x > 0).float())),
            ("doubles", lambda x: (x.double() @ x.double().transpose(1, 2), x.double().softmax(1), x.double().mean(1), (x.double() * 2).exp(), x.double().sum()))):
        if opset < {"indexing": 11, "doubles": 11, "slices": 11, "activations": 12, "statistics": 13}.get(label, 9) or (opset, label) in ((17, "norms"), (9, "integers")):
            continue  # the exporter cannot
        op(label, function, lambda: (randn(2, 4, 5),), lambda: (randn(2, 4, 5),), opset=opset)
for opset in (11, 13, 16):
    op("nonzero", lambda x: (x.nonzero(), x[x > 0]), lambda: (randn(3, 5),), lambda: (randn(8, 5),), opset=opset, dynamic={0: {0: "n"}})
    op("unique", lambda x: torch.unique(x, return_inverse=True, return_counts=True), lambda: (torch.randint(0, 7, (20,)),), lambda: (torch.randint(0, 3, (5,)),), opset=opset, dynamic={0: {0: "n"}})
    op("cumsum", lambda x: (x.cumsum(0), x.cumsum(1)), lambda: (randn(4, 600),), opset=opset)
    op("sort", lambda x: x.sort(1, descending=True), lambda: (randn(3, 50),), opset=opset)
    op("one_hot", lambda x: F.one_hot(x, 9), lambda: (torch.randint(0, 9, (4, 3)),), opset=opset)
    op("arange", lambda x: (torch.arange(x.shape[0]) * 2, torch.arange(x.shape[1], 0, -1), torch.zeros(x.shape[1]), torch.full_like(x, 3.0)), lambda: (randn(3, 5),), lambda: (randn(9, 2),), opset=opset, dynamic={0: {0: "a", 1: "b"}})
    op("scatter_add", lambda x, i, s: x.scatter_add(1, i, s), lambda: (randn(3, 6), torch.randint(0, 6, (3, 4)), randn(3, 4)), opset=opset) if opset >= 16 else None
    op("index_put", lambda x, v: x.index_put((I([0, 2]),), v), lambda: (randn(4, 3), randn(2, 3)), opset=opset)
    op("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="ij"), lambda: (randn(3), randn(4)), opset=opset)
    op("tril", lambda x: (x.tril(), x.triu(1)), lambda: (randn(5, 5),), opset=opset) if opset >= 14 else None
    op("cdist", lambda a, b: torch.cdist(a, b), lambda: (randn(5, 3), randn(4, 3)), opset=opset)
    op("unfold", lambda x: F.unfold(x, (3, 2), padding=1, stride=2), lambda: (randn(2, 3, 9, 8),), opset=opset)
    op("tensordot", lambda a, b: torch.tensordot(a, b, dims=([1], [0])), lambda: (randn(3, 4), randn(4, 5)), opset=opset) if opset > 11 else None
    op("baddbmm", lambda a, b, c: torch.baddbmm(a, b, c, beta=0.5, alpha=2.0), lambda: (randn(2, 3, 5), randn(2, 3, 4), randn(2, 4, 5)), opset=opset)


@case("op_half")
def _():
    model = lively(M.resnet18(weights=None)).eval()
    return Case(Rounded(model), (rand(1, 3, 64, 64),))


class Rounded(nn.Module):
    """Weights and activations of float16, computed by PyTorch in float (its CPU kernels have no half)."""

    def __init__(self, model):
        super().__init__()
        self.a = nn.Parameter(randn(64, 64).half())
        self.b = nn.Parameter(randn(64).half())

    def forward(self, x):
        y = x[0, 0].half()
        return (y + self.b, y * self.a, (y - self.b).float().exp().half(), y.reshape(-1)[:7], torch.cat([y, self.a]))


# ---- quantised ----

def quantised(name, size=96):
    @case("quantised_" + name)
    def make():
        torch.manual_seed(7)
        torch.backends.quantized.engine = [e for e in torch.backends.quantized.supported_engines if e != "none"][-1]
        model = lively(M.quantization.__dict__[name](weights=None, quantize=False)).eval()
        model.fuse_model()
        model.qconfig = torch.ao.quantization.get_default_qconfig(torch.backends.quantized.engine)
        torch.ao.quantization.prepare(model, inplace=True)
        with torch.no_grad():
            for _ in range(4):
                model(rand(2, 3, size, size))
        torch.ao.quantization.convert(model, inplace=True)
        return Case(model, (rand(1, 3, size, size),), opset=13, quantised=True)


for name in ("resnet18", "mobilenet_v2", "googlenet"):
    quantised(name)


@case("fake_quantised")
def _():
    class Fake(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.line = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)

        def forward(self, x):
            x = torch.fake_quantize_per_tensor_affine(x, 0.02, 12, 0, 255)
            w = torch.fake_quantize_per_channel_affine(self.conv.weight, torch.full((8,), 0.004), torch.zeros(8, dtype=torch.int32), 0, -128, 127)
            return self.line(torch.relu(F.conv2d(x, w, self.conv.bias)).mean((2, 3)))

    return Case(Fake(), (rand(2, 3, 12, 12),), opset=13)


# ---- export, run, report ----

def write_set(folder, inputs, outputs):
    os.makedirs(folder, exist_ok=True)
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for i, tensor in enumerate(tensors):
            proto = onnx.numpy_helper.from_array(np.array(tensor.detach().cpu().numpy(), order="C"))
            with open(os.path.join(folder, "%s_%d.pb" % (kind, i)), "wb") as file:
                file.write(proto.SerializeToString())


def export(name, folder):
    torch.manual_seed(0)
    made = CASES[name]()
    module = made.module.eval()
    path = os.path.join(folder, "model.onnx")
    options = dict(made.export)
    atol = options.pop("quantised", False)
    names = ["input_%d" % i for i in range(len(flat(made.inputs[0])))]
    axes = {names[i]: d for i, d in (made.dynamic or {}).items()}
    torch.is_grad_enabled = lambda: True  # or attention takes a fused path that cannot be exported
    with torch.no_grad():
        torch.onnx.export(module, made.inputs[0], path, opset_version=made.opset, input_names=names, dynamic_axes=axes or None,
                          do_constant_folding=True, **options)
        graph = onnx.load(path, load_external_data=False).graph
        kept = [v.name for v in graph.input]  # inputs that nothing reads are left out of the file
        for i, inputs in enumerate(made.inputs):
            expected = flat(module(*inputs))
            write_set(os.path.join(folder, "test_data_set_%d" % i), [t for n, t in zip(names, flat(inputs)) if n in kept], expected)
    with open(os.path.join(folder, "sets.json"), "w") as file:
        json.dump({"n": len(made.inputs), "quantised": bool(atol)}, file)


def run(hone, folder, level, timeout):
    info = json.load(open(os.path.join(folder, "sets.json")))
    command = [hone, "run", os.path.join(folder, "model.onnx"), "--level", level, "-q", "--json", "-"]
    for i in range(info["n"]):
        command += ["--expect", os.path.join(folder, "test_data_set_%d" % i)]
    if info["quantised"]:  # a step of the last quantisation
        command += ["--rtol", "0.05", "--atol", "0.1"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return "time", "over %d s" % timeout, math.nan
    try:
        result = json.loads(done.stdout)
    except ValueError:
        return "crash %d" % done.returncode, done.stderr.decode(errors="replace")[-300:].replace("\n", " "), math.nan
    if "error" in result:
        return "refused", "%s: %s" % (result["error"].get("node"), result["error"].get("message")), math.nan
    if done.returncode:
        return "differs", "; ".join("%s: %s" % (f["output"], f["reason"]) for f in result["expect"]["failed"])[:300], result["time_ms"]
    return "ok", "%.1e" % (result["expect"]["max_abs_error"] or 0), result["time_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hone", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "hone"))
    parser.add_argument("--dir", default="torch-exports", help="where models are written (default torch-exports)")
    parser.add_argument("--only", default="*", help="patterns of names, separated by commas")
    parser.add_argument("--reuse", action="store_true", help="do not export again what is there")
    parser.add_argument("--delete", action="store_true", help="remove each model after its run")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for a run")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    names = [n for n in CASES if any(fnmatch.fnmatch(n, p) for p in args.only.split(","))]
    if args.list:
        print("\n".join(names))
        return 0
    if not names:
        print("no model has such a name: --list shows them", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # several would wait for each other where other work shares the machine
    counts = {}
    print("%-36s %-10s %-10s %8s  %s" % ("model", "plain", "optimised", "ms", "largest error, or what is wrong"))
    for name in names:
        folder = os.path.join(args.dir, name)
        levels, notes, ms = [], [], math.nan
        try:
            if not (args.reuse and os.path.exists(os.path.join(folder, "sets.json"))):
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(folder)
                export(name, folder)
        except Exception as e:  # the exporter's own limits are not hone's
            if os.environ.get("VERBOSE"):
                traceback.print_exc()
            levels, notes = ["-", "-"], ["not exported: " + str(e).strip().split("\n")[0][:160]]
            shutil.rmtree(folder, ignore_errors=True)
        else:
            for level in ("disable_all", "all"):
                verdict, note, ms = run(args.hone, folder, level, args.timeout)
                levels.append(verdict)
                notes.append(note)
            if args.delete:
                shutil.rmtree(folder, ignore_errors=True)
        verdict = "not exported" if levels[0] == "-" else "ok" if levels == ["ok", "ok"] else "failed"
        counts[verdict] = counts.get(verdict, 0) + 1
        print("%-36s %-10s %-10s %8.2f  %s" % (name, levels[0], levels[1], ms, " | ".join(dict.fromkeys(notes))), flush=True)
    print(", ".join("%d %s" % (n, verdict) for verdict, n in sorted(counts.items())))
    return 1 if counts.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
