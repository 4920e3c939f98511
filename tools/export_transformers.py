#!/usr/bin/python3
"""Exports small transformers in the spellings of several libraries: BERT, GPT-2 with a past, T5, LLaMA with rotary
embeddings and grouped heads, BART, Whisper, nn.Transformer, ViT, Swin, GPT-NeoX, GPT-J, norms and activations.

usage: tools/export_transformers.py DIR [PATTERN...]

Each model is written for several opsets to DIR/NAME_opN/model.onnx, with inputs and PyTorch's outputs in
test_data_set_0; `hone run DIR/NAME_opN/model.onnx --expect DIR/NAME_opN/test_data_set_0` compares, `hone optimize --prove`
shows what was fused and what nearly was. Needs Debian's python3-torch, python3-torchvision and python3-onnx.
"""
import math, os, sys, warnings
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import onnx
from onnx import numpy_helper
warnings.filterwarnings('ignore')
OUT = sys.argv[1]
torch.manual_seed(0)

class Gelu(nn.Module):

    def __init__(s, kind):
        super().__init__()
        s.kind = kind

    def forward(s, x):
        k = s.kind
        if k == 'erf':
            return F.gelu(x)
        if k == 'erf_div':
            return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))
        if k == 'erf_mul':
            return 0.5 * x * (1.0 + torch.erf(x * 0.7071067811865475))
        if k == 'new':
            return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))
        if k == 'fast':
            return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))
        if k == 'cube':
            return x * (0.5 * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x))))
        if k == 'quick':
            return x * torch.sigmoid(1.702 * x)
        if k == 'silu':
            return F.silu(x)

class LN(nn.Module):

    def __init__(s, d, kind='torch', eps=1e-12):
        super().__init__()
        s.w = nn.Parameter(torch.rand(d) + 0.5)
        s.b = nn.Parameter(torch.randn(d) * 0.1)
        s.kind = kind
        s.eps = eps
        s.d = d

    def forward(s, x):
        k = s.kind
        if k == 'torch':
            return F.layer_norm(x, (s.d,), s.w, s.b, s.eps)
        if k == 'none':
            return F.layer_norm(x, (s.d,), None, None, s.eps)
        if k == 'pow':
            u = x.mean(-1, keepdim=True)
            v = (x - u).pow(2).mean(-1, keepdim=True)
            return s.w * ((x - u) / torch.sqrt(v + s.eps)) + s.b
        if k == 'rsqrt':
            u = x.mean(-1, keepdim=True)
            d = x - u
            v = (d * d).mean(-1, keepdim=True)
            return (x - u) * torch.rsqrt(v + s.eps) * s.w + s.b
        if k == 'pow05':
            u = x.mean(-1, keepdim=True)
            d = x - u
            v = (d * d).mean(-1, keepdim=True)
            return s.b + d * torch.pow(v + s.eps, -0.5) * s.w
        if k == 'rms':
            h = x.to(torch.float32)
            v = h.pow(2).mean(-1, keepdim=True)
            return s.w * (h * torch.rsqrt(v + s.eps)).to(x.dtype)
        if k == 'rms_div':
            return x / torch.sqrt((x * x).mean(-1, keepdim=True) + s.eps) * s.w

class BertLayer(nn.Module):

    def __init__(s, d, h, gelu, ln):
        super().__init__()
        s.h = h
        s.q, s.k, s.v, s.o = (nn.Linear(d, d) for _ in range(4))
        s.n1, s.n2 = (LN(d, ln), LN(d, ln))
        s.f1, s.f2 = (nn.Linear(d, 4 * d), nn.Linear(4 * d, d))
        s.g = Gelu(gelu)

    def split(s, x):
        return x.view(x.size()[:-1] + (s.h, x.size(-1) // s.h)).permute(0, 2, 1, 3)

    def forward(s, x, mask):
        q, k, v = (s.split(s.q(x)), s.split(s.k(x)), s.split(s.v(x)))
        a = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1))
        a = F.softmax(a + mask, dim=-1)
        c = torch.matmul(a, v).permute(0, 2, 1, 3).contiguous()
        c = c.view(c.size()[:-2] + (x.size(-1),))
        x = s.n1(s.o(c) + x)
        return s.n2(s.f2(s.g(s.f1(x))) + x)

class Bert(nn.Module):

    def __init__(s, gelu, ln, d=64, h=4, n=2, v=50):
        super().__init__()
        s.w, s.p, s.t = (nn.Embedding(v, d), nn.Embedding(64, d), nn.Embedding(2, d))
        s.n = LN(d, ln)
        s.l = nn.ModuleList([BertLayer(d, h, gelu, ln) for _ in range(n)])
        s.register_buffer('ids', torch.arange(64).expand((1, -1)))

    def forward(s, ids, mask, seg):
        m = (1.0 - mask[:, None, None, :].to(torch.float32)) * -10000.0
        x = s.n(s.w(ids) + s.t(seg) + s.p(s.ids[:, :ids.size(1)]))
        for l in s.l:
            x = l(x, m)
        return x

class GPTBlock(nn.Module):

    def __init__(s, d, h, style):
        super().__init__()
        s.h, s.style = (h, style)
        s.n1, s.n2 = (LN(d), LN(d))
        s.a, s.o, s.f1, s.f2 = (nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d))
        s.g = Gelu('new')
        s.register_buffer('bias', torch.tril(torch.ones((64, 64), dtype=torch.uint8)).view(1, 1, 64, 64).bool())
        s.register_buffer('masked', torch.tensor(-10000.0))

    def lin(s, l, x):
        return torch.addmm(l.bias, x.view(-1, x.size(-1)), l.weight.t()).view(x.size()[:-1] + (l.weight.size(0),))

    def forward(s, x, pk, pv, mask):
        y = s.n1(x)
        q, k, v = s.lin(s.a, y).split(y.size(-1), dim=2)
        sp = lambda t: t.view(t.size()[:-1] + (s.h, t.size(-1) // s.h)).permute(0, 2, 1, 3)
        q, k, v = (sp(q), sp(k), sp(v))
        k, v = (torch.cat((pk, k), dim=-2), torch.cat((pv, v), dim=-2))
        w = torch.matmul(q, k.transpose(-1, -2))
        st = s.style
        if st == 'old':
            w = w / float(v.size(-1)) ** 0.5
            ns, nd = (k.size(-2), q.size(-2))
            w = torch.where(s.bias[:, :, ns - nd:ns, :ns], w, s.masked.to(w.dtype))
        elif st == 'mul':
            w = w / math.sqrt(v.size(-1))
            ns, nd = (w.size(-1), w.size(-2))
            b = s.bias[:, :, ns - nd:ns, :ns].float()
            w = w * b - 10000.0 * (1 - b)
        else:
            w = w / torch.full([], v.size(-1) ** 0.5, dtype=w.dtype)
            ns, nd = (k.size(-2), q.size(-2))
            w = torch.where(s.bias[:, :, ns - nd:ns, :ns], w, torch.full([], torch.finfo(w.dtype).min, dtype=w.dtype))
        if mask is not None:
            w = w + mask
        w = F.softmax(w, dim=-1)
        c = torch.matmul(w, v).permute(0, 2, 1, 3).contiguous()
        c = c.view(c.size()[:-2] + (c.size(-2) * c.size(-1),))
        x = x + s.lin(s.o, c)
        return (x + s.lin(s.f2, s.g(s.lin(s.f1, s.n2(x)))), k, v)

class GPT2(nn.Module):

    def __init__(s, style, use_mask=True, d=64, h=4, n=2):
        super().__init__()
        s.w, s.p = (nn.Embedding(50, d), nn.Embedding(64, d))
        s.l = nn.ModuleList([GPTBlock(d, h, style) for _ in range(n)])
        s.n = LN(d)
        s.use_mask = use_mask

    def forward(s, ids, mask, *past):
        p0 = past[0].size(-2)
        pos = torch.arange(p0, ids.size(-1) + p0, dtype=torch.long).unsqueeze(0)
        m = (1.0 - mask[:, None, None, :].to(torch.float32)) * -10000.0 if s.use_mask else None
        x = s.w(ids) + s.p(pos)
        out = []
        for i, l in enumerate(s.l):
            x, k, v = l(x, past[2 * i], past[2 * i + 1], m)
            out += [k, v]
        x = s.n(x)
        return (torch.matmul(x, s.w.weight.t()), *out)

class T5Attn(nn.Module):

    def __init__(s, d, h, bias):
        super().__init__()
        s.h, s.d = (h, d // h)
        s.q, s.k, s.v, s.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        s.rel = nn.Embedding(32, h) if bias else None

    def bucket(s, rel, bi):
        n, r, m = (32, 0, 128)
        if bi:
            n //= 2
            r = (rel > 0).to(torch.long) * n
            rel = torch.abs(rel)
        else:
            rel = -torch.min(rel, torch.zeros_like(rel))
        e = n // 2
        small = rel < e
        big = e + (torch.log(rel.float() / e) / math.log(m / e) * (n - e)).to(torch.long)
        big = torch.min(big, torch.full_like(big, n - 1))
        return r + torch.where(small, rel, big)

    def forward(s, x, kv, mask, pb, bi):
        b, l = x.shape[:2]
        sh = lambda t: t.view(b, -1, s.h, s.d).transpose(1, 2)
        q, k, v = (sh(s.q(x)), sh(s.k(kv)), sh(s.v(kv)))
        w = torch.matmul(q, k.transpose(3, 2))
        if pb is None:
            if s.rel is not None:
                c = torch.arange(x.size(1))[:, None]
                m = torch.arange(kv.size(1))[None, :]
                pb = s.rel(s.bucket(m - c, bi)).permute([2, 0, 1]).unsqueeze(0)
            else:
                pb = torch.zeros((1, s.h, x.size(1), kv.size(1)))
            pb = pb + mask
        w = w + pb
        w = F.softmax(w.float(), dim=-1).type_as(w)
        y = torch.matmul(w, v).transpose(1, 2).contiguous().view(b, -1, s.h * s.d)
        return (s.o(y), pb)

class T5(nn.Module):

    def __init__(s, d=64, h=4, n=2):
        super().__init__()
        s.e = nn.Embedding(50, d)
        mk = lambda kinds: nn.ModuleList([nn.ModuleList([T5Attn(d, h, i == 0 and k == 'self') for k in kinds] + [LN(d, 'rms', 1e-06) for _ in range(len(kinds) + 1)] + [nn.Linear(d, 4 * d, bias=False), nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)]) for i in range(n)])
        s.enc, s.dec = (mk(['self']), mk(['self', 'cross']))
        s.n1, s.n2 = (LN(d, 'rms', 1e-06), LN(d, 'rms', 1e-06))
        s.g = Gelu('new')

    def forward(s, ids, mask, dids):
        em = (1.0 - mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        x = s.e(ids)
        pb = None
        for a, n, nf, w0, w1, wo in s.enc:
            y, pb = a(n(x), n(x), em, pb, True)
            x = x + y
            y = nf(x)
            x = x + wo(s.g(w0(y)) * w1(y))
        mem = s.n1(x)
        x = s.e(dids)
        l = dids.size(1)
        seq = torch.arange(l)
        causal = (seq[None, None, :].repeat(ids.size(0), l, 1) <= seq[None, :, None]).to(torch.float32)[:, None, :, :]
        cm = (1.0 - causal) * torch.finfo(torch.float32).min
        pb = cb = None
        for a, c, n, nc, nf, w0, w1, wo in s.dec:
            y, pb = a(n(x), n(x), cm, pb, False)
            x = x + y
            y, cb = c(nc(x), mem, em, cb, False)
            x = x + y
            y = nf(x)
            x = x + wo(s.g(w0(y)) * w1(y))
        return s.n2(x)

class Rotary(nn.Module):

    def __init__(s, d, cached):
        super().__init__()
        s.cached = cached
        inv = 1.0 / 10000 ** (torch.arange(0, d, 2).float() / d)
        s.register_buffer('inv', inv)
        t = torch.arange(64).float()
        f = torch.einsum('i,j->ij', t, inv)
        e = torch.cat((f, f), -1)
        s.register_buffer('c', e.cos()[None, None])
        s.register_buffer('s', e.sin()[None, None])

    def forward(s, pos):
        if s.cached:
            return (s.c.squeeze(1).squeeze(0)[pos].unsqueeze(1), s.s.squeeze(1).squeeze(0)[pos].unsqueeze(1))
        f = (s.inv[None, :, None].float().expand(pos.shape[0], -1, 1) @ pos[:, None, :].float()).transpose(1, 2)
        e = torch.cat((f, f), -1)
        return (e.cos().unsqueeze(1), e.sin().unsqueeze(1))

def rot_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2:], x[..., :x.shape[-1] // 2]), -1)

class Llama(nn.Module):

    def __init__(s, kv=2, cached=True, sdpa=False, d=64, h=4, n=2):
        super().__init__()
        s.h, s.kv, s.hd, s.sdpa = (h, kv, d // h, sdpa)
        s.e = nn.Embedding(50, d)
        s.r = Rotary(d // h, cached)
        s.l = nn.ModuleList([nn.ModuleList([LN(d, 'rms', 1e-06), nn.Linear(d, d, bias=False), nn.Linear(d, kv * s.hd, bias=False), nn.Linear(d, kv * s.hd, bias=False), nn.Linear(d, d, bias=False), LN(d, 'rms', 1e-06), nn.Linear(d, 2 * d, bias=False), nn.Linear(d, 2 * d, bias=False), nn.Linear(2 * d, d, bias=False)]) for _ in range(n)])
        s.n = LN(d, 'rms', 1e-06)

    def rep(s, x):
        b, g, t, d = x.shape
        n = s.h // s.kv
        return x if n == 1 else x[:, :, None, :, :].expand(b, g, n, t, d).reshape(b, g * n, t, d)

    def forward(s, ids, mask, pos, *past):
        x = s.e(ids)
        b, l = ids.shape
        cos, sin = s.r(pos)
        out = []
        p0 = past[0].size(-2)
        t = p0 + l
        mn = torch.finfo(torch.float32).min
        cm = torch.full((l, l), mn)
        r = torch.arange(l)
        cm = cm.masked_fill(r < (r + 1).view(l, 1), 0)
        cm = torch.cat([torch.zeros(l, p0), cm], -1)[None, None].expand(b, 1, l, t)
        inv = 1.0 - mask[:, None, None, :].expand(b, 1, l, t).to(torch.float32)
        m = cm + inv.masked_fill(inv.to(torch.bool), mn)
        for i, (n1, q, k, v, o, n2, g, u, dn) in enumerate(s.l):
            y = n1(x)
            Q = q(y).view(b, l, s.h, s.hd).transpose(1, 2)
            K = k(y).view(b, l, s.kv, s.hd).transpose(1, 2)
            V = v(y).view(b, l, s.kv, s.hd).transpose(1, 2)
            Q, K = (Q * cos + rot_half(Q) * sin, K * cos + rot_half(K) * sin)
            K, V = (torch.cat([past[2 * i], K], 2), torch.cat([past[2 * i + 1], V], 2))
            out += [K, V]
            K, V = (s.rep(K), s.rep(V))
            w = torch.matmul(Q, K.transpose(2, 3)) / math.sqrt(s.hd)
            w = w + m
            w = torch.max(w, torch.tensor(mn)) if not s.cached_max else w
            w = F.softmax(w, dim=-1, dtype=torch.float32).to(Q.dtype)
            a = torch.matmul(w, V).transpose(1, 2).contiguous().reshape(b, l, s.h * s.hd)
            x = x + o(a)
            y = n2(x)
            x = x + dn(F.silu(g(y)) * u(y))
        return (s.n(x), *out)
    cached_max = True

class BartAttn(nn.Module):

    def __init__(s, d, h, kbias=True):
        super().__init__()
        s.h, s.d = (h, d // h)
        s.q, s.v, s.o = (nn.Linear(d, d) for _ in range(3))
        s.k = nn.Linear(d, d, bias=kbias)

    def sh(s, t, b):
        return t.view(b, -1, s.h, s.d).transpose(1, 2).contiguous()

    def forward(s, x, kv, mask, past=None):
        b, l, e = x.size()
        q = s.q(x) * s.d ** (-0.5)
        k, v = (s.sh(s.k(kv), b), s.sh(s.v(kv), b))
        if past is not None:
            k, v = (torch.cat([past[0], k], 2), torch.cat([past[1], v], 2))
        kv_ = (k, v)
        sz = (b * s.h, -1, s.d)
        q = s.sh(q, b).view(*sz)
        k, v = (k.view(*sz), v.view(*sz))
        t = k.size(1)
        w = torch.bmm(q, k.transpose(1, 2))
        if mask is not None:
            w = w.view(b, s.h, l, t) + mask
            w = w.view(b * s.h, l, t)
        w = F.softmax(w, dim=-1)
        y = torch.bmm(w, v).view(b, s.h, l, s.d).transpose(1, 2).reshape(b, l, e)
        return (s.o(y), kv_)

class Bart(nn.Module):
    """BART-like, post-norm; pre=True: Whisper-like (conv front end, k without bias, pre-norm)."""

    def __init__(s, pre=False, d=64, h=4, n=2):
        super().__init__()
        s.pre = pre
        s.e = nn.Embedding(50, d)
        s.p = nn.Parameter(torch.randn(64, d))
        ln = lambda: LN(d, 'torch', 1e-05)
        s.enc = nn.ModuleList([nn.ModuleList([BartAttn(d, h, not pre), ln(), nn.Linear(d, 4 * d), nn.Linear(4 * d, d), ln()]) for _ in range(n)])
        s.dec = nn.ModuleList([nn.ModuleList([BartAttn(d, h, not pre), ln(), BartAttn(d, h, not pre), ln(), nn.Linear(d, 4 * d), nn.Linear(4 * d, d), ln()]) for _ in range(n)])
        if pre:
            s.c1, s.c2 = (nn.Conv1d(8, d, 3, padding=1), nn.Conv1d(d, d, 3, stride=2, padding=1))
        s.g = Gelu('erf')
        s.n1, s.n2 = (ln(), ln())

    def forward(s, src, dids, *past):
        if s.pre:
            x = F.gelu(s.c2(F.gelu(s.c1(src)))).permute(0, 2, 1)
            x = x + s.p[:x.size(1)]
            em = None
        else:
            x = s.e(src) + s.p[:src.size(1)]
            em = None
        for a, n, f, o, m in s.enc:
            if s.pre:
                y = n(x)
                x = x + a(y, y, em)[0]
                x = x + o(s.g(f(m(x))))
            else:
                x = n(x + a(x, x, em)[0])
                x = m(x + o(s.g(f(x))))
        mem = s.n1(x) if s.pre else x
        p0 = past[0].size(2)
        l = dids.size(1)
        x = s.e(dids) + s.p[p0:p0 + l]
        mn = torch.finfo(torch.float32).min
        cm = torch.full((l, l), mn)
        r = torch.arange(l)
        cm.masked_fill_(r < (r + 1).view(l, 1), 0.0)
        cm = torch.cat([torch.zeros(l, p0), cm], -1)[None, None].expand(dids.size(0), 1, l, l + p0)
        out = []
        for i, (a, n, c, nc, f, o, m) in enumerate(s.dec):
            pa = (past[2 * i], past[2 * i + 1])
            if s.pre:
                y = n(x)
                y, kv = a(y, y, cm, pa)
                x = x + y
                x = x + c(nc(x), mem, em)[0]
                x = x + o(s.g(f(m(x))))
            else:
                y, kv = a(x, x, cm, pa)
                x = n(x + y)
                x = nc(x + c(x, mem, em)[0])
                x = m(x + o(s.g(f(x))))
            out += list(kv)
        if s.pre:
            x = s.n2(x)
        return (torch.matmul(x, s.e.weight.t()), *out)

class TorchTransformer(nn.Module):

    def __init__(s, norm_first, d=64, h=4):
        super().__init__()
        s.t = nn.Transformer(d, h, 2, 2, 128, activation='gelu', batch_first=norm_first, norm_first=norm_first)
        s.register_buffer('m', torch.triu(torch.full((5, 5), float('-inf')), 1))

    def forward(s, a, b):
        return s.t(a, b, tgt_mask=s.m)

class Mha(nn.Module):

    def __init__(s, bf):
        super().__init__()
        s.a = nn.MultiheadAttention(64, 4, batch_first=bf)
        s.b = nn.MultiheadAttention(64, 4, batch_first=bf, kdim=32, vdim=32)

    def forward(s, x, y, pad):
        z = s.a(x, x, x, key_padding_mask=pad, need_weights=False)[0]
        return s.b(z, y, y, need_weights=False)[0]

class TimmViT(nn.Module):

    def __init__(s, d=64, h=4, qknorm=False):
        super().__init__()
        s.h = h
        s.qkv, s.o = (nn.Linear(d, 3 * d), nn.Linear(d, d))
        s.n = LN(d, 'torch', 1e-06)
        s.qn = qknorm
        s.a, s.b = (LN(d // h), LN(d // h))

    def forward(s, x):
        B, N, C = x.shape
        q, k, v = s.qkv(s.n(x)).reshape(B, N, 3, s.h, C // s.h).permute(2, 0, 3, 1, 4).unbind(0)
        if s.qn:
            q, k = (s.a(q), s.b(k))
        q = q * (C // s.h) ** (-0.5)
        w = (q @ k.transpose(-2, -1)).softmax(dim=-1)
        return x + s.o((w @ v).transpose(1, 2).reshape(B, N, C))

class Neox(nn.Module):
    """Fused QKV with heads outermost, partial rotary; interleaved rotary when gptj."""

    def __init__(s, gptj=False, d=64, h=4, r=8):
        super().__init__()
        s.h, s.r, s.j = (h, r, gptj)
        s.qkv, s.o = (nn.Linear(d, 3 * d), nn.Linear(d, d))
        t = torch.arange(64).float()
        f = t[:, None] * (1.0 / 10000 ** (torch.arange(0, r, 2).float() / r))
        e = torch.repeat_interleave(f, 2, -1) if gptj else torch.cat((f, f), -1)
        s.register_buffer('c', e.cos()[None, None])
        s.register_buffer('s', e.sin()[None, None])

    def rot(s, x):
        if s.j:
            return torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
        return rot_half(x)

    def forward(s, x):
        b, l, d = x.shape
        y = s.qkv(x).view(b, l, s.h, 3 * d // s.h)
        hd = d // s.h
        q, k, v = (t.permute(0, 2, 1, 3) for t in (y[..., :hd], y[..., hd:2 * hd], y[..., 2 * hd:]))
        c, sn = (s.c[:, :, :l], s.s[:, :, :l])
        f = lambda t: torch.cat((t[..., :s.r] * c + s.rot(t[..., :s.r]) * sn, t[..., s.r:]), -1)
        q, k = (f(q), f(k))
        w = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(hd)
        m = torch.tril(torch.ones(l, l, dtype=torch.bool))[None, None]
        w = w.masked_fill(~m, float('-inf')) if s.j else torch.where(m, w, torch.tensor(-1000000000.0))
        return s.o(torch.matmul(F.softmax(w, -1), v).permute(0, 2, 1, 3).reshape(b, l, d))

class ConvNextBlock(nn.Module):

    def __init__(s, c=16):
        super().__init__()
        s.c = nn.Conv2d(c, c, 7, padding=3, groups=c)
        s.n = LN(c, 'torch', 1e-06)
        s.f1, s.f2 = (nn.Linear(c, 4 * c), nn.Linear(4 * c, c))
        s.w = nn.Parameter(torch.rand(c))
        s.b = nn.Parameter(torch.rand(c))
        s.gn = nn.GroupNorm(4, c)

    def forward(s, x):
        y = s.c(x).permute(0, 2, 3, 1)
        y = s.f2(F.gelu(s.f1(s.n(y)))).permute(0, 3, 1, 2)
        x = x + y
        u = x.mean(1, keepdim=True)
        v = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(v + 1e-06)
        x = s.w[:, None, None] * x + s.b[:, None, None]
        return s.gn(x)

class Norms(nn.Module):

    def __init__(s):
        super().__init__()
        s.ns = nn.ModuleList([LN(32, k, 1e-05) for k in ('torch', 'none', 'pow', 'rsqrt', 'pow05', 'rms', 'rms_div')])
        s.two = nn.LayerNorm((6, 32))
        s.gs = nn.ModuleList([Gelu(k) for k in ('erf', 'erf_div', 'erf_mul', 'new', 'fast', 'cube', 'quick', 'silu')])

    def forward(s, x):
        return tuple([n(x * (1.5 + i)) for i, n in enumerate(s.ns)] + [s.two(x)] + [g(x) for g in s.gs])

def save(name, model, inputs, names, dyn, opset, fold):
    d = os.path.join(OUT, f"{name}_op{opset}{('' if fold else '_nofold')}")
    t = os.path.join(d, 'test_data_set_0')
    os.makedirs(t, exist_ok=True)
    model.eval()
    with torch.no_grad():
        ref = model(*inputs)
    ref = [ref] if torch.is_tensor(ref) else list(ref)
    try:
        torch.onnx.export(model, inputs, os.path.join(d, 'model.onnx'), opset_version=opset, do_constant_folding=fold, input_names=names, output_names=[f'y{i}' for i in range(len(ref))], dynamic_axes=dyn)
    except Exception as e:
        print('FAILED export', d, str(e).splitlines()[0])
        return
    used = [i.name for i in onnx.load(os.path.join(d, 'model.onnx')).graph.input]
    vals = dict(zip(names, inputs))
    for i, n in enumerate(used):
        open(os.path.join(t, f'input_{i}.pb'), 'wb').write(numpy_helper.from_array(vals[n].numpy(), n).SerializeToString())
    for i, r in enumerate(ref):
        open(os.path.join(t, f'output_{i}.pb'), 'wb').write(numpy_helper.from_array(r.numpy(), f'y{i}').SerializeToString())
    print('ok', d)
ids = torch.randint(0, 50, (2, 7))
ones = torch.ones(2, 7, dtype=torch.long)
m2 = ones.clone()
m2[1, 5:] = 0
past = lambda h, d, p, n=4: [torch.randn(2, h, p, d) for _ in range(n)]

def dyn(names, **ax):
    return {n: {i: a for i, a in enumerate(s) if a} for n, s in ax.items()}

def all_models():
    for g, ln in (('erf', 'torch'), ('new', 'pow'), ('erf_div', 'rsqrt')):
        yield (f'bert_{g}_{ln}', Bert(g, ln), (ids, m2, ones * 0), ['ids', 'mask', 'seg'], {n: {0: 'batch', 1: 'seq'} for n in ('ids', 'mask', 'seg', 'y0')})
    pn = [f'past{i}' for i in range(4)]
    pd = {n: {0: 'batch', 2: 'past'} for n in pn}
    od = {f'y{i + 1}': {0: 'batch', 2: 'total'} for i in range(4)}
    for st in ('old', 'mul', 'new'):
        yield (f'gpt2_{st}', GPT2(st), (ids[:, :3], torch.ones(2, 8, dtype=torch.long), *past(4, 16, 5)), ['ids', 'mask'] + pn, {'ids': {0: 'batch', 1: 'seq'}, 'mask': {0: 'batch', 1: 'total'}, **pd, **od})
    yield ('gpt2_static', GPT2('new', False), (ids, ones, *past(4, 16, 0)), ['ids', 'mask'] + pn, None)
    yield ('t5', T5(), (ids, m2, ids[:, :4]), ['ids', 'mask', 'dids'], {'ids': {0: 'batch', 1: 'seq'}, 'mask': {0: 'batch', 1: 'seq'}, 'dids': {0: 'batch', 1: 'dseq'}})
    for kv, c in ((4, True), (2, True), (1, False)):
        pos = torch.arange(5, 8)[None].repeat(2, 1)
        yield (f'llama_kv{kv}', Llama(kv, c), (ids[:, :3], torch.cat([m2[:, 5:6] * 0, ones], 1), pos, *past(kv, 16, 5)), ['ids', 'mask', 'pos'] + pn, {'ids': {0: 'batch', 1: 'seq'}, 'mask': {0: 'batch', 1: 'total'}, 'pos': {0: 'batch', 1: 'seq'}, **pd, **od})
    yield ('bart', Bart(), (ids, ids[:, :3], *past(4, 16, 2)), ['src', 'dids'] + pn, {'src': {0: 'batch', 1: 'src'}, 'dids': {0: 'batch', 1: 'seq'}, **pd, **od})
    yield ('whisper', Bart(True), (torch.randn(2, 8, 20), ids[:, :3], *past(4, 16, 2)), ['src', 'dids'] + pn, {'src': {0: 'batch'}, 'dids': {0: 'batch', 1: 'seq'}, **pd, **od})
    for nf in (False, True):
        yield (f"nn_transformer_{('pre' if nf else 'post')}", TorchTransformer(nf), (torch.randn(7, 5, 64) if not nf else torch.randn(3, 7, 64), torch.randn(5, 5, 64) if not nf else torch.randn(3, 5, 64)), ['a', 'b'], {'a': {1 - nf: 'batch', 0 + nf: 'src'}, 'b': {1 - nf: 'batch'}})
    for bf in (False, True):
        x = torch.randn(2, 7, 64) if bf else torch.randn(7, 2, 64)
        y = torch.randn(2, 5, 32) if bf else torch.randn(5, 2, 32)
        pad = torch.zeros(2, 7, dtype=torch.bool)
        pad[1, 5:] = True
        yield (f"mha_{('bf' if bf else 'tf')}", Mha(bf), (x, y, pad), ['x', 'y', 'pad'], None)
    yield ('timm_vit', TimmViT(), (torch.randn(2, 9, 64),), ['x'], {'x': {0: 'batch'}})
    yield ('timm_vit_qknorm', TimmViT(qknorm=True), (torch.randn(2, 9, 64),), ['x'], {'x': {0: 'batch', 1: 'seq'}})
    yield ('neox', Neox(), (torch.randn(2, 9, 64),), ['x'], {'x': {0: 'batch', 1: 'seq'}})
    yield ('gptj', Neox(True), (torch.randn(2, 9, 64),), ['x'], {'x': {0: 'batch'}})
    yield ('convnext', ConvNextBlock(), (torch.randn(2, 16, 9, 9),), ['x'], {'x': {0: 'batch'}})
    yield ('norms', Norms(), (torch.randn(2, 6, 32) * 2 + 1,), ['x'], {'x': {0: 'batch'}})
    import torchvision
    yield ('vit_tv', torchvision.models.vision_transformer.VisionTransformer(32, 8, 2, 4, 64, 128, num_classes=10), (torch.randn(2, 3, 32, 32),), ['x'], {'x': {0: 'batch'}})
    yield ('swin_tv', torchvision.models.swin_transformer.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], num_classes=10), (torch.randn(1, 3, 64, 64),), ['x'], None)
    yield ('swin_tv_dyn', torchvision.models.swin_transformer.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], num_classes=10), (torch.randn(2, 3, 64, 64),), ['x'], {'x': {0: 'batch'}})
want = sys.argv[2:]
for item in all_models():
    if want and (not any((w in item[0] for w in want))):
        continue
    for opset, fold in ((11, True), (13, False), (14, True), (16, True), (17, True)):
        save(*item, opset, fold)
