#!/usr/bin/env python3
"""Trains the demo's model: a small residual CNN on scikit-learn's handwritten digits, and writes
digits.onnx, the held-out test images and labels, PyTorch's predictions, and a few images as PNG.

usage: /usr/bin/python3 train.py [OUTDIR]        (default: this folder)
needs: apt-get install --no-install-recommends python3-torch python3-sklearn python3-numpy python3-pil

The 1,797 images of 8x8 pixels (values 0..16) are scaled to 0..1 and enlarged to 32x32 bilinearly. A quarter,
drawn with a fixed seed and equal shares of every digit, is held out. Everything is seeded.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
EPOCHS, BATCH = 40, 64


def conv_bn(i, o, k=3, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, k, stride, k // 2, bias=False), nn.BatchNorm2d(o))


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.a = conv_bn(i, o, 3, stride)
        self.b = conv_bn(o, o)
        self.skip = conv_bn(i, o, 1, stride) if stride != 1 or i != o else nn.Identity()

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))) + self.skip(x))


class DigitsNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(1, 16), nn.ReLU())
        self.blocks = nn.Sequential(Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2), Residual(64, 64, 1))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def augment(x):
    """Shifts by up to 2 pixels and a little noise."""
    dx, dy = np.random.randint(-2, 3, 2)
    return torch.roll(x, (int(dy), int(dx)), (2, 3)) + 0.03 * torch.randn_like(x)


def main():
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images.reshape(-1, 1, 8, 8) / 16.0, dtype=torch.float32)
    images = F.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False).numpy()
    x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
    x_train, y_train = torch.tensor(x_train), torch.tensor(y_train)

    model = DigitsNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs=EPOCHS, steps_per_epoch=len(x_train) // BATCH)
    for epoch in range(EPOCHS):
        model.train()
        order = torch.randperm(len(x_train))
        for i in range(len(x_train) // BATCH):
            at = order[i * BATCH:(i + 1) * BATCH]
            loss = F.cross_entropy(model(augment(x_train[at])), y_train[at], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}", flush=True)

    model.eval()
    with torch.no_grad():
        logits = model(torch.tensor(x_test)).numpy()
    accuracy = (logits.argmax(1) == y_test).mean()
    print(f"held-out accuracy {accuracy:.4f} on {len(y_test)} images")
    assert accuracy >= 0.985, "the model is worse than it should be"

    torch.onnx.export(model, torch.tensor(x_test[:1]), os.path.join(OUT, "digits.onnx"), opset_version=13,
                      input_names=["image"], output_names=["logits"],
                      dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
    np.save(os.path.join(OUT, "test_images.npy"), x_test.astype(np.float32))
    np.save(os.path.join(OUT, "test_labels.npy"), y_test.astype(np.int64))
    np.save(os.path.join(OUT, "pytorch_logits.npy"), logits.astype(np.float32))
    for i in range(10):
        at = int(np.flatnonzero(y_test == i)[0])
        Image.fromarray(np.uint8(np.round(x_test[at, 0] * 255))).save(os.path.join(OUT, f"digit_{i}.png"))


if __name__ == "__main__":
    main()
