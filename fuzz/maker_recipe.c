/* Parts that models are made of, written as text, with sizes, attributes and places to join drawn by the fuzzer: what
 * random operators on random shapes never hit upon (convolutions whose weights fit, norms and attentions spelt out,
 * recurrent cells, bodies of loops, quantised pairs).
 *
 * Statements are separated by ';':
 *     x:nchw           a float value of that shape that the graph has, or a new input; letters are sizes: the first
 *                      to come binds one, those of new tensors are drawn from g_sizes; digits and (products) are
 * literal w=ocrs           a constant of that shape; w=+c positive; x:nl@i64, w=nl@u8 of another type (x: always an
 * input) k=#1 2 c         constant integers of rank 1; k=!c of rank 0; k=$0.5 a float of rank 0 a b=Op(x _ w) attr=c
 * attr=[1 p] attr=0.5 attr='text' body=<in | statements | out> A domain stands before a dot: ms (com.microsoft) or
 * hone. An attribute that the operator's version lacks becomes its next input (axes, split). When a statement cannot be
 * had, the part ends there. */
#include "graph_maker.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 48, NAME_SIZE = 12, MAX_RECIPES = 128 /* at least half of which are there */ };

typedef struct scope {
    struct scope *around;
    hone__graph *graph;
    struct {
        char name[NAME_SIZE];
        hone__value *value;
    } names[MAX_NAMES];
    size_t n;
} scope;

typedef struct cook {
    maker *m;
    int64_t letter[26]; /* -1: not bound yet */
    const char *at;
} cook;

/* ---- the parts ---- */

static const char *const g_recipes[] = {
    /* convolutions */
    "x:nchw; w=ocrs; b=o; y=Conv(x w b) pads=[p q p q] strides=[t t]; z=Relu(y)",
    "x:nchw; w=ocrs; s=+o; b=o; y=Conv(x w) pads=[p p p p]; z=BatchNormalization(y s b b s); a=Relu(z)",
    "x:nchw; w=oc11; b=o; v=co11; y=Conv(x w b); z=Relu(y); a=Conv(z v); d=Add(a x); e=Relu(d)",
    "x:nchw; w=cc33; b=c; y=Conv(x w b) pads=[1 1 1 1]; r=Relu(y); v=cc33; z=Conv(r v b) pads=[1 1 1 1]; a=Add(z x); "
    "d=Relu(a)",
    "x:nchw; w=c1rs; b=c; y=Conv(x w b) group=c pads=[p q p q] strides=[t t]; l=$0.0; h=$6.0; z=Clip(y l h)",
    "x:nchw; w=(4c)c11; v=(4c)133; u=c(4c)11; a=Conv(x w); b=Relu(a); d=Conv(b v) group=(4c) pads=[1 1 1 1]; "
    "e=HardSwish(d); f=Conv(e u); g=Add(f x)",
    "x:n(gi)hw; w=(go)irs; y=Conv(x w) group=g pads=[p p p p]; z=Sigmoid(y); a=Mul(y z)",
    "x:nchw; w=ocrs; b=o; y=Conv(x w b) dilations=[e e] pads=[2 2 2 2]; s=+o11; z=PRelu(y s)",
    "x:nchw; w=ocrs; y=Conv(x w) auto_pad='SAME_UPPER' strides=[t t]; z=LeakyRelu(y) alpha=0.1",
    "x:nchw; v=+c11; b=c11; w=oc11; y=Mul(x v); z=Add(y b); a=Conv(z w); u=+o11; d=Mul(a u); k=o11; e=Add(d k)",
    "x:nchw; a=GlobalAveragePool(x); w=ic11; b=i; v=ci11; d=c; e=Conv(a w b); f=Relu(e); g=Conv(f v d); h=Sigmoid(g); "
    "j=Mul(x h)",
    "x:ncdhw; w=ocrrs; b=o; y=Conv(x w b) pads=[p p q p p q] strides=[t t t]; z=Relu(y)",
    "x:ncdhw; w=c1rrs; y=Conv(x w) group=c pads=[1 1 1 1 1 1]; s=+c; b=c; z=BatchNormalization(y s b b s)",
    "x:ncl; w=ocr; b=o; y=Conv(x w b) pads=[p q] strides=[t] dilations=[e]; z=Gelu(y)",
    "x:nchw; w=cors; b=o; y=ConvTranspose(x w b) strides=[t t] pads=[p p p p]; z=Relu(y)",
    "x:nchw; w=c1rs; y=ConvTranspose(x w) group=c strides=[2 2] output_padding=[1 1]",
    "x:ncdhw; w=corrs; b=o; y=ConvTranspose(x w b) strides=[t t t]; z=Add(y y)",
    "x:nchw; w=ocrs; y=Conv(x w) pads=[1 1 1 1]; k=#0 0 p p 0 0 q q; z=Pad(y k); v=oo33; a=Conv(z v)",
    "x:nchw; y=MaxPool(x) kernel_shape=[r s] strides=[t t] pads=[0 0 p p] ceil_mode=f; w=oc11; z=Conv(y w); a=Relu(z)",
    "x:nchw; y=AveragePool(x) kernel_shape=[3 3] strides=[t t] pads=[p p p p] ceil_mode=f count_include_pad=f",
    "x:ncdhw; y=MaxPool(x) kernel_shape=[2 2 r] strides=[t t t]; z=AveragePool(y) kernel_shape=[1 2 2] pads=[0 1 0 0 0 "
    "1]",
    "x:nchw; w=ocrs; a=Conv(x w) pads=[1 1 1 1]; b=Relu(a); d=Concat(b x a) axis=1; z=Relu(d)",
    "x:n(2c)hw; a b=Split(x) axis=1 split=[c c]; w=c133; d=Conv(b w) group=c pads=[1 1 1 1]; e=Concat(a d) axis=1; "
    "k=#n 2 c h w; f=Reshape(e k); g=Transpose(f) perm=[0 2 1 3 4]; j=#n (2c) h w; l=Reshape(g j); w2=o(2c)11; "
    "z=Conv(l w2)",
    "x:nchw; s=+c; b=c; y=InstanceNormalization(x s b); z=LeakyRelu(y) alpha=0.01",
    "x:n(2c)hw; k=#n 2 -1; a=Reshape(x k); s=+2; b=2; d=InstanceNormalization(a s b); j=#n (2c) h w; e=Reshape(d j); "
    "u=+(2c)11; v=(2c)11; f=Mul(e u); g=Add(f v)",
    "x:nchw; y=LRN(x) size=3; z=GlobalMaxPool(y); a=Flatten(z); w=oc; b=o; d=Gemm(a w b) transB=1",
    "x:nchw; u=Upsample(x) mode='nearest' scales=[1 1 2 2]; w=ocss; y=Conv(u w)",
    "x:nchw; w=oc11; y=Conv(x w); k=#n o (2h) (2w); z=Resize(y _ _ k) mode='linear' "
    "coordinate_transformation_mode='half_pixel'; a=Relu(z)",
    "x:n(4c)hw; y=DepthToSpace(x) blocksize=2 mode='CRD'; w=oc33; z=Conv(y w) pads=[1 1 1 1]; a=SpaceToDepth(z) "
    "blocksize=2",
    "x:nchw; g:nhw2; y=GridSample(x g) mode='bilinear' padding_mode='border' align_corners=f",
    "x:ncdhw; g:ndhw3; y=GridSample(x g) mode='linear'",
    "x:nchw; w=ocrs; b=o; z:n(o)hw; y=ms.FusedConv(x w b) activation='Relu' pads=[p p p p]",
    "x:nhwc; a=Transpose(x) perm=[0 3 1 2]; w=ocrs; y=Conv(a w) pads=[p p p p]; b=o11; d=Add(y b); e=Relu(d); "
    "z=Transpose(e) perm=[0 2 3 1]",
    "x:nchw; w=oc33; a=Conv(x w) pads=[1 1 1 1]; v=oo11; b=Conv(a v); d=Sigmoid(b); e=Mul(a d); k=#2 3; "
    "f=ReduceMean(e) "
    "axes=[2 3] keepdims=f",
    /* products, norms, attention */
    "x:nlk; w=km; b=m; y=MatMul(x w); z=Add(y b); a=Relu(z)",
    "x:nlk; w=km; b=m; y=MatMul(x w); z=Add(b y); q=$1.4142135; d=Div(z q); e=Erf(d); o=$1.0; f=Add(e o); g=Mul(z f); "
    "h=$0.5; i=Mul(g h)",
    "x:nlk; w=kk; b=k; y=MatMul(x w); z=Add(y b); a=Add(z x); s=+k; d=LayerNormalization(a s b) axis=-1",
    "x:nlk; m=ReduceMean(x) axes=[-1]; d=Sub(x m); t=$2.0; e=Pow(d t); f=ReduceMean(e) axes=[-1]; g=$0.00001; h=Add(f "
    "g); "
    "i=Sqrt(h); j=Div(d i); s=+k; b=k; l=Mul(j s); o=Add(l b)",
    "x:nlk; t=$2.0; e=Pow(x t); f=ReduceMean(e) axes=[-1]; g=$0.00001; h=Add(f g); i=Sqrt(h); j=Reciprocal(i); u=Mul(x "
    "j); s=+k; y=Mul(s u)",
    "x:nl(2k); w=(2k)(2k); b=(2k); qa=MatMul(x w); ka=MatMul(x w); va=MatMul(x w); qb=Add(qa b); s=#0 0 2 k; "
    "qc=Reshape(qb s); kc=Reshape(ka s); vc=Reshape(va s); q=Transpose(qc) perm=[0 2 1 3]; kt=Transpose(kc) perm=[0 2 "
    "3 "
    "1]; v=Transpose(vc) perm=[0 2 1 3]; a=MatMul(q kt); f=$0.35; d=Mul(a f); e=Softmax(d) axis=-1; g=MatMul(e v); "
    "h=Transpose(g) perm=[0 2 1 3]; o=#0 0 (2k); y=Reshape(h o)",
    "q:nhlk; v:nhmk; a=Transpose(v) perm=[0 1 3 2]; b=MatMul(q a); g:n11m; d=Add(b g); e=Softmax(d) axis=-1; "
    "y=MatMul(e v)",
    "q:nhlk; v:nhmk; a=Einsum(q v) equation='bhqd,bhkd->bhqk'; e=Softmax(a) axis=-1; y=Einsum(e v) "
    "equation='bhqk,bhkd->bhqd'",
    "x:nlk; w=khi; y=Einsum(x w) equation='abc,cde->abde'; z=Einsum(y) equation='abde->bae'",
    "x:nlk; y:nmk; a=Einsum(x y) equation='...ij,...kj->...ik'; b=Einsum(x x) equation='...i,...i->...'",
    "x:lk; w=mk; b=m; y=Gemm(x w b) transB=1 alpha=0.5 beta=2.0; z=Tanh(y)",
    "x:kl; w=mk; b=1m; y=Gemm(x w b) transA=1 transB=1; z=HardSigmoid(y)",
    "x:nkl; a=Transpose(x) perm=[0 2 1]; w=mk; b=Transpose(w) perm=[1 0]; y=MatMul(a b); z=Sigmoid(y); d=Mul(y z)",
    "x:nhlk; y:nhmk; a=Transpose(y) perm=[0 1 3 2]; b=MatMul(x a); f=$0.125; d=Mul(b f); z=Softmax(d)",
    "x:nlk; f=$1.702; a=Mul(x f); b=Sigmoid(a); y=Mul(x b)",
    "x:nlk; t=$3.0; a=Pow(x t); f=$0.044715; b=Mul(a f); d=Add(x b); g=$0.7978845; e=Mul(d g); h=Tanh(e); o=$1.0; "
    "i=Add(h o); l=Mul(x i); k=$0.5; y=Mul(l k)",
    "x:nhl(2k); c=l(2k); s=l(2k); o=#0; k=#(k); j=#(2k); b=#3; u=Slice(x o k b); v=Slice(x k j b); i=Neg(v); "
    "r=Concat(i u) axis=-1; d=Mul(x c); e=Mul(r s); y=Add(d e)",
    "x:nlk; y:nlk; s=+k; b=k; z=ms.SkipLayerNormalization(x y s b b)",
    "x:nlk; b=k; y=ms.BiasGelu(x b); z=ms.FastGelu(y b)",
    "x:nl(2k); w=(2k)(6k); b=(6k); y=ms.Attention(x w b) num_heads=2",
    "x:nl(2k); k:nm(2k); y=ms.MultiHeadAttention(x k k) num_heads=2",
    "x:nlk; w=km; y=ms.FusedMatMul(x w) alpha=0.5; z=ms.QuickGelu(y) alpha=1.0",
    "x:nlk; s=+k; y=ms.SimplifiedLayerNormalization(x s) axis=-1; z=RMSNormalization(y s)",
    "q:nhlk; v:nhmk; y=Attention(q v v) is_causal=f scale=0.3",
    "x:nchw; s=+c; b=c; y=GroupNormalization(x s b) num_groups=1; z=Mish(y)",
    "x:nlk; a=Softmax(x) axis=1; b=LogSoftmax(x) axis=-1; y=Add(a b)",
    "x:nlk; a=Exp(x); b=ReduceSum(a) axes=[-1] keepdims=1; y=Div(a b)",
    /* recurrent */
    "x:lni; w=1(4k)i; r=1(4k)k; b=1(8k); y h c=LSTM(x w r b) hidden_size=k; a=#1; z=Squeeze(y) axes=[1]",
    "x:lni; w=2(4k)i; r=2(4k)k; b=2(8k); y h=LSTM(x w r b) hidden_size=k direction='bidirectional'",
    "x:lni; w=1(3k)i; r=1(3k)k; b=1(6k); y h=GRU(x w r b) hidden_size=k linear_before_reset=f direction='reverse'",
    "x:lni; w=2ki; r=2kk; b=2(2k); y h=RNN(x w r b) hidden_size=k direction='bidirectional'",
    "x:lni; w=1(4k)i; r=1(4k)k; h:1nk; c:1nk; y a b=LSTM(x w r _ _ h c) hidden_size=k",
    /* quantised */
    "x:nchw; s=$0.02; z=!u8 3; a=QuantizeLinear(x s z); b=DequantizeLinear(a s z); w=ocrs@i8; t=$0.01; "
    "v=DequantizeLinear(w t); y=Conv(b v) pads=[p p p p]; d=Relu(y); e=QuantizeLinear(d s z); f=DequantizeLinear(e s "
    "z)",
    "x:nlk; s=$0.02; z=!u8 9; a=QuantizeLinear(x s z); b=DequantizeLinear(a s z); w=km@i8; t=$0.01; "
    "v=DequantizeLinear(w t); y=MatMul(b v); d=m; e=Add(y d)",
    "x:nchw@u8; s=$0.02; z=!u8 3; w=ocrs@i8; t=$0.01; u=!i8 0; v=$0.5; b=o@i32; y=QLinearConv(x s z w t u v z b) "
    "pads=[p "
    "p p p]",
    "x:lk@u8; s=$0.02; z=!u8 3; w=km@u8; y=QLinearMatMul(x s z w s z s z); d=DequantizeLinear(y s z)",
    "x:nlk; a s z=DynamicQuantizeLinear(x); w=km@i8; u=!i8 1; y=MatMulInteger(a w z u); f=Cast(y) to=1; t=$0.01; "
    "g=Mul(s t); d=Mul(f g)",
    "x:nchw@u8; w=ocrs@u8; z=!u8 7; y=ConvInteger(x w z z) pads=[p p p p]; f=Cast(y) to=1",
    "x:nchw; s=$0.02; z=!u8 3; a=QuantizeLinear(x s z); b=MaxPool(a) kernel_shape=[2 2]; d=Transpose(b) perm=[0 2 3 "
    "1]; "
    "y=DequantizeLinear(d s z)",
    "x:lk; w=km@i8; s=+m; y=ms.DynamicQuantizeMatMul(x w s)",
    "x:nchw@u8; s=$0.02; z=!u8 3; y=ms.QLinearAdd(x s z x s z s z); d=ms.QLinearSigmoid(y s z s z); "
    "e=ms.QLinearGlobalAveragePool(d s z s z)",
    /* moving and choosing */
    "x:nlk; i:m@i64; y=Gather(x i) axis=1; z=Relu(y)",
    "x:nlk; j=#2; v i=TopK(x j) axis=-1; y=GatherElements(x i) axis=-1",
    "x:nlk; z=$0.0; a=Greater(x z); b=Cast(a) to=1; y=Where(a x b); d=NonZero(a); e=Transpose(d) perm=[1 0]; "
    "f=GatherND(x "
    "e)",
    "x:nlk; a=!1; y=CumSum(x a) exclusive=f reverse=f; z=ArgMax(y) axis=-1",
    "x:nlk; o=#1; e=#99; s=#1; t=#2; a=Slice(x o e s t); b=Slice(x o e s); y=Concat(a b) axis=1",
    "x:nlk; s=Shape(x); i=!0; a=Gather(s i); o=#0; b=Unsqueeze(a) axes=[0]; m=#-1; d=Concat(b m) axis=0; y=Reshape(x "
    "d); "
    "z=Softmax(y)",
    "x:nlk; s=Shape(x); c=ConstantOfShape(s); y=Add(x c); e=Expand(y s)",
    "x:nlk; k=#n (lk); a=Reshape(x k); w=(lk)m; b=m; y=Gemm(a w b); z=Elu(y); j=#n 1 m; d=Reshape(z j)",
    "x:nlk; k=#1 2 1; y=Tile(x k); z=ReduceMax(y) axes=[1] keepdims=0; a=Unsqueeze(z) axes=[1]",
    "i:nl@i64; d=!3; v=+2; y=OneHot(i d v) axis=1; x:nlk; z=Sum(x x x)",
    "x:nlk; a=Transpose(x) perm=[2 0 1]; b=Relu(a); y=Transpose(b) perm=[1 2 0]; z=Add(x y)",
    "x:nlk; i=n1@i64; u:nlk; y=ScatterND(x i u); j=nlk@i64; z=ScatterElements(x j u) axis=1",
    "b:1m4; s:12m; o=!3; t=$0.5; y=NonMaxSuppression(b s o t)",
    "x:1chw; r:m4; i=m@i64; y=RoiAlign(x r i) output_height=2 output_width=3 spatial_scale=0.5 sampling_ratio=2",
    "x:nlk; a=Sin(x); b=Cos(x); d=Mul(a a); e=Mul(b b); y=Add(d e); z=Sqrt(y)",
    "x:nlk; y:nlk; a=Max(x y); b=Min(x y); d=Sub(a b); e=Abs(d); z=Pow(e y)",
    "x:nlk; s=SplitToSequence(x) axis=1; i=!0; a=SequenceAt(s i); t=SequenceInsert(s a); y=ConcatFromSequence(t) "
    "axis=1",
    "x:nlk; a=Cast(x) to=10; b=Cast(x) to=16; d=Mul(a a); e=Cast(d) to=1; f=Add(b b); g=Cast(f) to=1; y=Add(e g)",
    "x:nlk; a=Cast(x) to=11; b=Mul(a a); d=ReduceMean(b) axes=[-1]; y=Cast(d) to=1",
    /* bodies */
    "x:nlk; w=kk; b=k; z=$0.0; m=ReduceSum(x) axes=[0 1 2] keepdims=0; c=Greater(m z); y=If(c) "
    "then_branch=<|p=MatMul(x "
    "w);q=Add(p b);r=Relu(q)|r> else_branch=<|p=Add(x b);r=Sigmoid(p)|r>",
    "x:nlk; w=kk; b=k; n3=!3; t=!bool 1; y s=Loop(n3 t x) body=<i c v|p=MatMul(v w);q=Add(p b);r=Tanh(q);o=Identity(c);"
    "u=ReduceMean(r) axes=[-1]|o r u>",
    "x:lnk; h:nk; w=kk; y s=Scan(h x) num_scan_inputs=1 body=<p v|a=MatMul(p w);b=Add(a v);d=Tanh(b);e=Identity(d)|d "
    "e>",
    "x:nchw; w=cc33; n3=!2; t=!bool 1; y=Loop(n3 t x) body=<i c v|p=Conv(v w) pads=[1 1 1 1];r=Relu(p);q=Add(r v);"
    "o=Identity(c)|o q>",
    "x:nlk; z=$0.0; m=ReduceMax(x) axes=[0 1 2] keepdims=0; c=Less(m z); y=If(c) then_branch=<|a=Softmax(x) axis=-1|a> "
    "else_branch=<|s=+k;b=k;a=LayerNormalization(x s b) axis=-1|a>; d=Add(y x)",
    "x:nlk; n3=!2; t=!bool 1; y=Loop(n3 t x) body=<i c v|p=Concat(v x) axis=1;o=Identity(c)|o p>; z=Relu(y)",
    /* Later ones stand at the end: inputs that were kept name parts by number. */
    "x:nchw; s=+c; z=c@u8; a=QuantizeLinear(x s z) axis=1; y=DequantizeLinear(a s z) axis=1; w=oc33@i8; t=+o; "
    "v=DequantizeLinear(w t) axis=0; d=Conv(y v)",
    "x:nlk; s=+k; z=k@i8; a=QuantizeLinear(x s z) axis=-1; y=DequantizeLinear(a s z) axis=-1; d=Add(y x); e=Relu(d)",
    "x:nlk; k=#n (lk); a=Reshape(x k); b=Softmax(a) axis=-1; j=#n l k; d=Reshape(b j); e=Mul(d x); i:m@i64; "
    "f=Gather(e i) axis=2",
    "x:nlk; a=Split(x) axis=1 split=[l]; y=Concat(x x a) axis=0; z=ReduceMin(y) axes=[0] keepdims=0; d=Sub(z z)",
    "x:nchw; y=Conv(x x)",
    "x:nlk; y=LayerNormalization(x x) axis=0; z=MatMul(x x)",
};

/* ---- sizes ---- */

static int64_t size_of(cook *c, char letter) {
    static const struct {
        const char *letters;
        int8_t sizes[12];
        unsigned n;
    } table[] = {{"co", {16, 3, 1, 8, 32, 4, 5, 12, 16, 2, 33, 7}, 12},
                 {"n", {1, 1, 2, 3}, 4},
                 {"hw", {5, 8, 1, 12, 7, 3, 16, 2}, 8},
                 {"rs", {3, 1, 3, 5, 2, 7}, 6},
                 {"te", {1, 1, 2}, 3},
                 {"f", {0, 1}, 2},
                 {"pq", {0, 1, 1, 2}, 4},
                 {"g", {1, 2, 4}, 3},
                 {"k", {4, 8, 16, 3, 1, 32, 5, 2}, 8}};
    int64_t *bound = &c->letter[letter - 'a'];
    if (*bound >= 0)
        return *bound;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strchr(table[i].letters, letter)) {
            *bound = table[i].sizes[maker_take(c->m, table[i].n)];
            return *bound;
        }
    return *bound = 1 + (int64_t)maker_take(c->m, 6);
}

static void blank(cook *c) {
    while (isspace((unsigned char)*c->at))
        c->at++;
}

static bool ends(const cook *c) { return !*c->at || *c->at == ';' || *c->at == '|' || *c->at == '>'; }

/* A number, a letter or a product in parentheses. single: digits stand for themselves, one by one. */
static bool a_size(cook *c, bool single, int64_t *out) {
    int64_t sign = 1;
    if (*c->at == '-') {
        sign = -1;
        c->at++;
    }
    *out = sign;
    if (*c->at == '(') {
        for (c->at++; *c->at && *c->at != ')';) {
            int64_t v;
            if (!a_size(c, false, &v))
                return false;
            *out *= v;
        }
        c->at += *c->at != 0;
        return true;
    }
    if (islower((unsigned char)*c->at)) {
        *out *= size_of(c, *c->at++);
        return true;
    }
    if (!isdigit((unsigned char)*c->at))
        return false;
    int64_t v = 0;
    do
        v = v * 10 + (*c->at++ - '0');
    while (!single && isdigit((unsigned char)*c->at));
    *out = sign * v;
    return true;
}

static hone_dtype a_type(cook *c) {
    static const struct {
        const char *name;
        hone_dtype dtype;
    } types[] = {{"i64", HONE_DTYPE_INT64},
                 {"i32", HONE_DTYPE_INT32},
                 {"u8", HONE_DTYPE_UINT8},
                 {"i8", HONE_DTYPE_INT8},
                 {"bool", HONE_DTYPE_BOOL}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strncmp(c->at, types[i].name, strlen(types[i].name)) == 0) {
            c->at += strlen(types[i].name);
            return types[i].dtype;
        }
    return HONE_DTYPE_FLOAT;
}

/* ---- values ---- */

static hone__value *find(scope *s, const char *name) {
    for (; s; s = s->around)
        for (size_t i = s->n; i-- > 0;)
            if (strcmp(s->names[i].name, name) == 0)
                return s->names[i].value;
    return NULL;
}

static bool bind(scope *s, const char *name, hone__value *value) {
    if (s->n == MAX_NAMES || !value)
        return false;
    (void)snprintf(s->names[s->n].name, NAME_SIZE, "%.11s", name);
    s->names[s->n++].value = value;
    return true;
}

static void a_name(cook *c, char *name) {
    size_t n = 0;
    blank(c);
    while ((isalnum((unsigned char)*c->at) || *c->at == '_') && n + 1 < NAME_SIZE)
        name[n++] = *c->at++;
    name[n] = 0;
    blank(c);
}

/* Letters of a shape as they stand, to be matched against values: elements are letters, or -1 for the rest. */
static bool fits_shape(const cook *c, const char *shape, const hone_tensor *t) {
    int64_t letter[26];
    memcpy(letter, c->letter, sizeof letter);
    int rank = 0;
    for (const char *p = shape; *p && !isspace((unsigned char)*p) && *p != ';'; p++, rank++) {
        if (rank >= t->rank || !isalnum((unsigned char)*p))
            return false;
        const int64_t d = t->dims[rank];
        if (isdigit((unsigned char)*p)) {
            if (d != *p - '0')
                return false;
            continue;
        }
        int64_t *bound = &letter[*p - 'a'];
        if (d < 1 || (*bound >= 0 && *bound != d))
            return false;
        *bound = d;
    }
    return rank == t->rank;
}

static hone__value *pick(cook *c) {
    maker *m = c->m;
    for (size_t i = m->n_values; i-- > 0;) {
        maker_value *v = &m->values[i];
        if (v->trust == MAKER_WILD || v->is_step || v->tensor->kind != HONE_KIND_TENSOR || v->value->constant ||
            v->tensor->dtype != HONE_DTYPE_FLOAT || !fits_shape(c, c->at, v->tensor) || maker_take(m, 4) == 0)
            continue;
        for (int d = 0; d < v->tensor->rank; d++, c->at++)
            if (islower((unsigned char)*c->at))
                c->letter[*c->at - 'a'] = v->tensor->dims[d];
        return v->value;
    }
    return NULL;
}

static hone__value *keep(cook *c, const scope *s, hone_tensor *t, bool as_input) {
    hone__value *value = NULL;
    if (!t)
        return NULL;
    if (!s->around)
        return maker_introduce(c->m, t, as_input);
    if (hone__graph_add_constant(s->graph, "k", t, &value, NULL) != HONE_OK)
        hone_tensor_destroy(t);
    return value;
}

static hone__value *a_tensor(cook *c, const scope *s, bool as_input) {
    int64_t dims[HONE_MAX_RANK];
    int rank = 0;
    const bool is_positive = *c->at == '+';
    c->at += is_positive;
    if (as_input && !s->around) {
        const char *p = c->at;
        while (isalnum((unsigned char)*p))
            p++;
        hone__value *value = *p != '@' && *p != '(' && maker_take(c->m, 8) ? pick(c) : NULL;
        if (value)
            return value;
    }
    while (rank < HONE_MAX_RANK && a_size(c, true, &dims[rank]))
        rank++;
    hone_dtype dtype = HONE_DTYPE_FLOAT;
    if (*c->at == '@') {
        c->at++;
        dtype = a_type(c);
    }
    hone_tensor *t = maker_plain_tensor(c->m, dtype, rank, dims, is_positive);
    return keep(c, s, t, as_input);
}

/* '#': integers of rank 1; '!': a number of rank 0 and of some type; '$': a float. */
static hone__value *a_number(cook *c, const scope *s) {
    int64_t v[16], n = 0;
    const char kind = *c->at++;
    hone_tensor *t = NULL;
    if (kind == '$') {
        char *end;
        float x = strtof(c->at, &end);
        c->at = end;
        if (hone_tensor_create(HONE_DTYPE_FLOAT, 0, NULL, &t, NULL) == HONE_OK)
            *(float *)t->data = x;
        return keep(c, s, t, false);
    }
    hone_dtype dtype = kind == '!' ? a_type(c) : HONE_DTYPE_INT64;
    dtype = dtype == HONE_DTYPE_FLOAT ? HONE_DTYPE_INT64 : dtype;
    for (blank(c); n < 16 && !ends(c) && a_size(c, false, &v[n]); n++)
        blank(c);
    if (n == 0 || hone_tensor_create(dtype, kind == '#' ? 1 : 0, &n, &t, NULL) != HONE_OK)
        return NULL;
    if (dtype == HONE_DTYPE_INT64)
        memcpy(t->data, v, (size_t)(kind == '#' ? n : 1) * sizeof *v);
    else
        *(uint8_t *)t->data = (uint8_t)v[0];
    return keep(c, s, t, false);
}

/* ---- nodes ---- */

static bool statements(cook *c, scope *s);

static hone__graph *a_body(cook *c, scope *around) {
    scope s = {.around = around};
    char name[NAME_SIZE];
    if (hone__graph_create_subgraph(c->m->graph, "body", &s.graph, NULL) != HONE_OK)
        return NULL;
    c->at++; /* < */
    for (blank(c); *c->at != '|' && *c->at;) {
        hone__value *value;
        a_name(c, name);
        if (!*name || hone__graph_add_value(s.graph, name, &value, NULL) != HONE_OK ||
            hone__graph_add_input(s.graph, value, NULL) != HONE_OK || !bind(&s, name, value))
            return NULL;
    }
    c->at += *c->at == '|';
    if (!statements(c, &s) || *c->at != '|')
        return NULL;
    for (c->at++; *c->at != '>' && *c->at;) {
        a_name(c, name);
        hone__value *value = find(&s, name);
        if (!*name || !value || hone__graph_add_output(s.graph, value, NULL) != HONE_OK)
            return NULL;
    }
    c->at += *c->at == '>';
    return s.graph;
}

static bool declares(const hone__op *op, const char *name) {
    for (size_t i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return true;
    return false;
}

/* One attribute "name=value". An integer list that the operator's version takes as an input is appended to `in`. */
static bool an_attribute(cook *c, scope *s, hone__node *node, const hone__op *op) {
    char name[40];
    size_t n = 0;
    while ((isalnum((unsigned char)*c->at) || *c->at == '_') && n + 1 < sizeof name)
        name[n++] = *c->at++;
    name[n] = 0;
    if (*c->at++ != '=')
        return false;
    hone__attr attr = {.name = name, .n = 1, .type = HONE_ATTR_INT};
    int64_t ints[HONE_MAX_RANK * 2];
    float floats[HONE_MAX_RANK];
    char text[40];
    if (*c->at == '<') {
        attr.type = HONE_ATTR_GRAPH;
        attr.g = a_body(c, s);
        c->m->is_out_of_memory = c->m->is_out_of_memory || !attr.g; /* half a body cannot be taken back */
        if (!attr.g)
            return false;
    } else if (*c->at == '\'') {
        size_t k = 0;
        for (c->at++; *c->at && *c->at != '\'' && k + 1 < sizeof text;)
            text[k++] = *c->at++;
        c->at += *c->at == '\'';
        attr.type = HONE_ATTR_STRING;
        attr.s = (hone_string){text, k};
    } else if (*c->at == '[') {
        attr.type = HONE_ATTR_INTS;
        for (attr.n = 0, c->at++; *c->at && *c->at != ']' && attr.n < HONE_MAX_RANK; attr.n++) {
            blank(c);
            if (!a_size(c, false, &ints[attr.n]))
                return false;
            floats[attr.n] = (float)ints[attr.n];
            blank(c);
        }
        c->at += *c->at == ']';
        attr.ints = ints;
        if (strcmp(name, "scales") == 0) {
            attr.type = HONE_ATTR_FLOATS;
            attr.floats = floats;
        }
    } else if (strcspn(c->at, ".") < strcspn(c->at, " ;|>")) {
        char *end;
        attr.type = HONE_ATTR_FLOAT;
        attr.f = strtof(c->at, &end);
        c->at = end;
    } else if (!a_size(c, false, &attr.i)) {
        return false;
    }
    if (declares(op, name))
        return hone__node_set_attr(node, &attr, NULL) == HONE_OK;
    if (attr.type != HONE_ATTR_INTS)
        return true; /* a version without it */
    hone_tensor *t = NULL;
    const int64_t count = (int64_t)attr.n;
    if (hone_tensor_create(HONE_DTYPE_INT64, 1, &count, &t, NULL) != HONE_OK)
        return false;
    memcpy(t->data, ints, attr.n * sizeof *ints);
    hone__value *value = keep(c, s, t, false);
    return value && hone__node_set_input(node, node->n_inputs, value, NULL) == HONE_OK;
}

static bool a_node(cook *c, scope *s, char names[][NAME_SIZE], size_t n_out) {
    char op_name[40];
    const char *domain = "";
    hone__value *in[16], *out[4];
    size_t n = 0, n_in = 0;
    if (strncmp(c->at, "ms.", 3) == 0) {
        domain = "com.microsoft";
        c->at += 3;
    } else if (strncmp(c->at, "hone.", 5) == 0) {
        domain = "hone";
        c->at += 5;
    }
    while (isalnum((unsigned char)*c->at) && n + 1 < sizeof op_name)
        op_name[n++] = *c->at++;
    op_name[n] = 0;
    if (*c->at++ != '(')
        return false;
    for (blank(c); *c->at && *c->at != ')' && n_in < 16; n_in++) {
        char name[NAME_SIZE];
        a_name(c, name);
        in[n_in] = strcmp(name, "_") == 0 ? NULL : find(s, name);
        if (!*name || (!in[n_in] && strcmp(name, "_") != 0))
            return false;
    }
    c->at += *c->at == ')';
    const hone__op *op = hone__op_find(domain, op_name, hone__graph_get_opset(c->m->graph, domain));
    if (!op || !op->eval || op->flags & HONE_OP_NO_EVAL || !maker_has_room(c->m))
        return false;
    hone__node *node;
    for (size_t i = 0; i < n_out; i++)
        if (hone__graph_add_value(s->graph, op_name, &out[i], NULL) != HONE_OK)
            return false;
    if (hone__graph_add_node(s->graph, NULL, domain, op_name, NULL, in, n_in, out, n_out, &node, NULL) != HONE_OK)
        return false;
    node->op = op;
    node->opset = hone__graph_get_opset(c->m->graph, domain);
    bool is_good = true;
    for (blank(c); is_good && !ends(c); blank(c))
        is_good = an_attribute(c, s, node, op);
    if (c->m->is_out_of_memory)
        return false;
    if (!s->around && (!is_good || !maker_settle(c->m, node))) {
        if (!is_good)
            hone__graph_remove_node(node);
        return false;
    }
    for (size_t i = 0; is_good && i < n_out; i++)
        is_good = bind(s, names[i], out[i]);
    return is_good;
}

/* Up to the end, or to the '|' that closes a body's statements. */
static bool statements(cook *c, scope *s) {
    for (blank(c); *c->at && *c->at != '|'; blank(c)) {
        char names[4][NAME_SIZE];
        size_t n = 0;
        hone__value *value = NULL;
        do
            a_name(c, names[n++]);
        while (*c->at != '=' && *c->at != ':' && *c->at && n < 4);
        const char kind = *c->at;
        c->at += kind != 0;
        if (kind == ':' ||
            (kind == '=' &&
             (islower((unsigned char)*c->at) || isdigit((unsigned char)*c->at) || *c->at == '(' || *c->at == '+') &&
             strncmp(c->at, "ms.", 3) != 0 && strncmp(c->at, "hone.", 5) != 0))
            value = a_tensor(c, s, kind == ':');
        else if (kind == '=' && (*c->at == '#' || *c->at == '!' || *c->at == '$'))
            value = a_number(c, s);
        else if (kind != '=' || !a_node(c, s, names, n))
            return false;
        if (value && !bind(s, names[0], value))
            return false;
        blank(c);
        if (!ends(c))
            return false;
        c->at += *c->at == ';';
    }
    return true;
}

void maker_recipe(maker *m) {
    const unsigned n = sizeof g_recipes / sizeof *g_recipes, pick = maker_take(m, MAX_RECIPES);
    cook c = {.m = m, .at = g_recipes[pick < n ? pick : pick - MAX_RECIPES / 2]};
    scope s = {.graph = m->graph};
    memset(c.letter, -1, sizeof c.letter);
    (void)statements(&c, &s);
}
