#!/usr/bin/python3
"""Exports networks that nobody tuned hone for, to compare it with ONNX Runtime on them:

    tools/export_unseen.py FOLDER [NAME...]
    build/hone bench FOLDER/swin_t.onnx --backend cpu,onnxruntime --threads 2

Weights are random (seed 0): times do not depend on their values. Batch 1, opset 13 to 17. --list names them.
Needs Debian's python3-torch, python3-torchvision and python3-onnx; nothing that hone is built from uses it.
"""
import os
import sys
import warnings

import torch
import torchvision
from torch import nn

warnings.filterwarnings('ignore')
M = torchvision.models
CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def image(size, channels=3):
    return torch.rand(1, channels, size, size)


def vision(name, size=224, opset=13, **options):
    def make():
        return M.get_model(name, weights=None, **options), (image(size),), opset
    CASES[name] = make


class First(nn.Module):
    """Segmentation models return a dictionary; its first entry is the result."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return next(iter(self.model(x).values()))


class UNet(nn.Module):
    """Ronneberger et al. 2015, with padding, as segmentation projects write it."""

    def __init__(self, widths, bilinear):
        super().__init__()

        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True),
                                 nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True))
        self.down = nn.ModuleList(block(a, b) for a, b in zip((3,) + widths[:-1], widths))
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True), nn.Conv2d(b, a, 1))
            if bilinear else nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(block(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for i in reversed(range(len(self.up))):
            x = self.up[i](torch.cat([kept[i], self.grow[i](x)], 1))
        return self.head(x)


class Recurrent(nn.Module):
    def __init__(self, kind, n_in, hidden, layers, bidirectional):
        super().__init__()
        self.rnn = kind(n_in, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), 100)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


class ShuffleNetV1(nn.Module):
    """Zhang et al. 2017, three groups: grouped 1x1 convolutions with a shuffle of channels between them."""

    class Unit(nn.Module):
        def __init__(self, n_in, n_out, groups, stride):
            super().__init__()
            self.groups, self.stride = groups, stride
            mid, grown = n_out // 4, n_out - n_in if stride == 2 else n_out
            self.reduce = nn.Sequential(nn.Conv2d(n_in, mid, 1, groups=1 if n_in == 24 else groups, bias=False),
                                        nn.BatchNorm2d(mid), nn.ReLU(True))
            self.depthwise = nn.Sequential(nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False),
                                           nn.BatchNorm2d(mid))
            self.expand = nn.Sequential(nn.Conv2d(mid, grown, 1, groups=groups, bias=False), nn.BatchNorm2d(grown))

        def forward(self, x):
            y = self.reduce(x)
            n, c, h, w = y.shape
            y = y.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)
            y = self.expand(self.depthwise(y))
            if self.stride == 2:
                return torch.relu(torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), y], 1))
            return torch.relu(x + y)

    def __init__(self):
        super().__init__()
        layers, n_in = [nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(True),
                        nn.MaxPool2d(3, 2, 1)], 24
        for n_out, repeats in ((240, 4), (480, 8), (960, 4)):
            for i in range(repeats):
                layers.append(self.Unit(n_in, n_out, 3, 2 if i == 0 else 1))
                n_in = n_out
        self.features, self.head = nn.Sequential(*layers), nn.Linear(960, 1000)

    def forward(self, x):
        return self.head(self.features(x).mean([2, 3]))


for vision_name, vision_size in (('swin_t', 224), ('resnext50_32x4d', 224), ('efficientnet_v2_s', 384),
                                 ('mnasnet1_0', 224), ('regnet_x_3_2gf', 224), ('wide_resnet50_2', 224),
                                 ('shufflenet_v2_x1_5', 224), ('densenet169', 224), ('convnext_small', 224),
                                 ('efficientnet_b3', 300), ('mobilenet_v3_small', 224), ('alexnet', 224)):
    vision(vision_name, vision_size)


@case
def inception_v3():
    return M.inception_v3(weights=None, aux_logits=True, init_weights=False), (image(299),), 13


@case
def googlenet():
    return M.googlenet(weights=None, aux_logits=False, init_weights=False), (image(224),), 13


@case
def shufflenet_v1_g3():
    return ShuffleNetV1(), (image(224),), 13


@case
def deeplabv3_mobilenet_v3():
    return First(M.segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None)), (image(320),), 13


@case
def deeplabv3_resnet50():
    return First(M.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None)), (image(320),), 13


@case
def fcn_resnet50():
    return First(M.segmentation.fcn_resnet50(weights=None, weights_backbone=None)), (image(320),), 13


@case
def ssdlite320():
    return M.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None), (image(320),), 16


@case
def unet():
    return UNet((32, 64, 128, 256, 512), False), (image(256),), 13


@case
def unet_bilinear():
    return UNet((32, 64, 128, 256, 512), True), (image(256),), 13


@case
def lstm_stack():
    return Recurrent(nn.LSTM, 128, 256, 2, True), (torch.rand(1, 100, 128),), 14


@case
def lstm_large():
    return Recurrent(nn.LSTM, 512, 1024, 2, False), (torch.rand(1, 50, 512),), 14


@case
def gru_stack():
    return Recurrent(nn.GRU, 128, 256, 3, False), (torch.rand(1, 100, 128),), 14


@case
def r3d_18():
    return M.video.r3d_18(weights=None), (torch.rand(1, 3, 8, 112, 112),), 13


@case
def mc3_18():
    return M.video.mc3_18(weights=None), (torch.rand(1, 3, 8, 112, 112),), 13


@case
def fasterrcnn_mobilenet_v3_320():
    return (M.detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None), (image(320),), 16)


@case
def dcgan_generator():
    """Radford et al. 2015: transposed convolutions from one pixel to 64 x 64."""
    def block(a, b, stride, pad):
        return [nn.ConvTranspose2d(a, b, 4, stride, pad, bias=False), nn.BatchNorm2d(b), nn.ReLU(True)]
    layers = block(100, 512, 1, 0) + block(512, 256, 2, 1) + block(256, 128, 2, 1) + block(128, 64, 2, 1)
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh()), (torch.rand(1, 100, 1, 1),), 13


@case
def super_resolution():
    """Shi et al. 2016: convolutions at low resolution, then DepthToSpace."""
    return nn.Sequential(nn.Conv2d(1, 64, 5, padding=2), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 9, 3, padding=1),
                         nn.PixelShuffle(3)), (image(224, 1),), 13


@case
def residual_1d():
    """A speech network in the style of QuartzNet: separable convolutions over time."""
    def block(a, b, k):
        return nn.Sequential(nn.Conv1d(a, a, k, padding=k // 2, groups=a, bias=False), nn.Conv1d(a, b, 1, bias=False),
                             nn.BatchNorm1d(b), nn.ReLU(True))
    layers = [nn.Conv1d(64, 256, 33, 2, 16), nn.ReLU(True)]
    for k in (33, 39, 51, 63, 75):
        layers += [block(256, 256, k) for _ in range(3)]
    return nn.Sequential(*layers, nn.Conv1d(256, 29, 1)), (torch.rand(1, 64, 800),), 13


@case
def gan_style_unet():
    """pix2pix: strided convolutions down, transposed ones up, leaky and plain ReLU, instance norms."""
    class Level(nn.Module):
        def __init__(self, c, inner, n_in=None, top=False):
            super().__init__()
            self.down = nn.Conv2d(n_in or c, inner, 4, 2, 1)
            self.norm_down, self.norm_up = nn.InstanceNorm2d(inner), nn.InstanceNorm2d(c)
            self.up = nn.ConvTranspose2d(2 * inner, c, 4, 2, 1)
            self.top, self.next = top, None

        def forward(self, x):
            y = self.norm_down(self.down(x if self.top else nn.functional.leaky_relu(x, 0.2)))
            y = self.next(y) if self.next else torch.cat([y, y], 1)
            y = self.up(torch.relu(y))
            return torch.tanh(y) if self.top else torch.cat([x, self.norm_up(y)], 1)
    levels = [Level(3, 64, 3, True), Level(64, 128), Level(128, 256), Level(256, 512), Level(512, 512)]
    for outer, inner in zip(levels, levels[1:]):
        outer.next = inner
    return levels[0], (image(256),), 13


def export(folder, name):
    path = os.path.join(folder, name + '.onnx')
    if os.path.exists(path):
        return
    torch.manual_seed(0)
    model, inputs, opset = CASES[name]()
    torch.onnx.export(model.eval(), inputs, path, opset_version=opset, input_names=['x'])
    print(name, os.path.getsize(path) // 1000000, 'MB', flush=True)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        print('\n'.join(CASES) if '--list' in sys.argv else __doc__.strip())
        return 0 if '--list' in sys.argv or '--help' in sys.argv else 2
    unknown = [name for name in sys.argv[2:] if name not in CASES]
    if unknown:
        print('unknown: ' + ', '.join(unknown) + ' (--list names all)', file=sys.stderr)
        return 2
    os.makedirs(sys.argv[1], exist_ok=True)
    failed = 0
    for name in sys.argv[2:] or CASES:
        try:
            export(sys.argv[1], name)
        except Exception as error:  # one model that this PyTorch cannot export does not stop the others
            print(name, 'failed:', str(error).splitlines()[0], file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
