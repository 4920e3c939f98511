/* What hone knows and refuses on purpose, each with its reason: operators, and variants of operators that exist. The
 * list of what cannot run (hone_model_get_unsupported) is made of it, before anything executes. */
#include "ops/op.h"

#include <string.h>

#define MS "com.microsoft"
#define GENERATION "it runs a whole generation loop; export the decoder and loop over it outside of the model"
#define CUDA_LAYOUT "its data lie as one vendor's GPU kernels want them; export for the CPU"
#define TOKENS "its input is packed token by token for GPU kernels; export without removing the padding"
#define GPU_ONLY "ONNX Runtime has it for GPUs only; export for the CPU"

static const struct {
    const char *domain, *name, *reason;
} g_refused[] = {
    {MS, "AttnLSTM", "it is of a retired converter; express it with LSTM and MatMul"},
    {MS, "BeamSearch", GENERATION},
    {MS, "BifurcationDetector", "it belongs to a generation loop; keep that outside of the model"},
    {MS, "ComplexMul", GPU_ONLY},
    {MS, "ComplexMulConj", GPU_ONLY},
    {MS, "DecoderAttention", "it is of a retired exporter; export the model again"},
    {MS, "DecoderMaskedSelfAttention", CUDA_LAYOUT},
    {MS, "DequantizeBFP", "block floating point has no public definition"},
    {MS, "DequantizeWithOrder", CUDA_LAYOUT},
    {MS, "EPContext", "it holds a program compiled for one device; use the model that it was made from"},
    {MS, "EngramGate", GPU_ONLY},
    {MS, "GatedAdd", GPU_ONLY},
    {MS, "GatedDeltaNet", TOKENS},
    {MS, "GatedRelativePositionBias", GPU_ONLY},
    {MS, "GemmFloat8", GPU_ONLY},
    {MS, "GemmaRotaryEmbedding", GPU_ONLY},
    {MS, "GreedySearch", GENERATION},
    {MS, "Irfft", "use DFT of opset 17 or later"},
    {MS, "LongformerAttention", GPU_ONLY},
    {MS, "MRotaryEmbedding", GPU_ONLY},
    {MS, "MatMulBlockQuantizedFp4Weight", GPU_ONLY},
    {MS, "MatMulBlockQuantizedFp8Weight", GPU_ONLY},
    {MS, "MatMulFpQ4", "its weights are packed for one version of ONNX Runtime; use MatMulNBits"},
    {MS, "MatMulNBitsMlp", GPU_ONLY},
    {MS, "MatMulNBitsQkv", GPU_ONLY},
    {MS, "MaxpoolWithMask", "it is for internal use of ONNX Runtime and has no public definition"},
    {MS, "NGramHashMapping", "it belongs to the tokenizer; compute the hashes outside of the model"},
    {MS, "PackedAttention", TOKENS},
    {MS, "PackedMultiHeadAttention", TOKENS},
    {MS, "PagedAttention", TOKENS},
    {MS, "QEmbedLayerNormalization", "it is experimental; export with EmbedLayerNormalization"},
    {MS, "QMoE", "experts with quantised weights are not computed; export with MoE"},
    {MS, "QOrderedAttention", CUDA_LAYOUT},
    {MS, "QOrderedGelu", CUDA_LAYOUT},
    {MS, "QOrderedLayerNormalization", CUDA_LAYOUT},
    {MS, "QOrderedLongformerAttention", CUDA_LAYOUT},
    {MS, "QOrderedMatMul", CUDA_LAYOUT},
    {MS, "QuantizeBFP", "block floating point has no public definition"},
    {MS, "QuantizeWithOrder", CUDA_LAYOUT},
    {MS, "ReduceSumInteger", "no converter writes it; use ReduceSum"},
    {MS, "RemovePadding", TOKENS},
    {MS, "RestorePadding", TOKENS},
    {MS, "Rfft", "use DFT of opset 17 or later"},
    {MS, "Sampling", GENERATION},
    {MS, "Snpe", "it holds a program compiled for one device; use the model that it was made from"},
    {MS, "SparseAttention", "block-sparse layouts are not computed; export with GroupQueryAttention"},
    {MS, "SparseToDenseMatMul", "sparse operands are not computed; make the operand dense"},
    {MS, "TorchEmbedding", "it is a training operator; export with Gather"},
    {MS, "VarlenCausalConvWithState", TOKENS},
    {MS, "VarlenNGramHashMapping", TOKENS},
    {MS, "WhisperBeamSearch", GENERATION},
};

/* An attribute with another value than `value` (an integer) or `text` makes a variant that is not computed. */
static const struct {
    const char *name, *attribute, *text;
    int64_t value;
    const char *reason;
} g_variants[] = {
    {"Attention", "do_rotary", NULL, 0, "rotary embedding inside Attention: export with RotaryEmbedding"},
    {"Attention", "past_present_share_buffer", NULL, 0, "a shared buffer of past and present: export without"},
    {"QAttention", "do_rotary", NULL, 0, "rotary embedding inside QAttention: export with RotaryEmbedding"},
    {"QAttention", "past_present_share_buffer", NULL, 0, "a shared buffer of past and present: export without"},
    {"CausalConvWithState", "channels_last", NULL, 0, "channels_last: export with the channels first"},
    {"CausalConvWithState", "ndim", NULL, 1, "more than one spatial dimension"},
    {"CausalConvWithState", "state_window", NULL, 0, "a window of states"},
    {"FusedMatMulActivation", "activation", "Softmax", 1, "Softmax behind a product: export them apart"},
    {"GroupQueryAttention", "k_quant_type", "NONE", 0, "a quantised cache: export with a float cache"},
    {"GroupQueryAttention", "v_quant_type", "NONE", 0, "a quantised cache: export with a float cache"},
    {"GroupQueryAttention", "sliding_window_cache", NULL, 0, "a cache that evicts: export with a whole cache"},
    {"LinearAttention", "state_window", NULL, 0, "a window of states"},
    {"MatMulNBits", "weight_prepacked", NULL, 0, "weights packed for one vendor's GPU kernels: export without"},
    {"MoE", "use_sparse_mixer", NULL, 0, "the sparse mixer"},
    {"RotaryEmbedding", "is_packed_batching", NULL, 0, "packed batches: export without"},
};

static bool is_domain(const char *domain, const char *wanted) {
    return strcmp(strcmp(domain, "ai.onnx") == 0 ? "" : domain, wanted) == 0;
}

const char *hone__op_refusal(const char *domain, const char *name) {
    for (size_t i = 0; i < sizeof g_refused / sizeof *g_refused; i++)
        if (strcmp(name, g_refused[i].name) == 0 && is_domain(domain, g_refused[i].domain))
            return g_refused[i].reason;
    return NULL;
}

const char *hone__op_variant_refusal(const hone__node *node) {
    for (size_t i = 0; is_domain(node->domain, MS) && i < sizeof g_variants / sizeof *g_variants; i++) {
        const hone__attr *attr =
            strcmp(node->op_type, g_variants[i].name) == 0 ? hone__node_attr(node, g_variants[i].attribute) : NULL;
        if (!attr)
            continue;
        bool is_text = g_variants[i].text && attr->type == HONE_ATTR_STRING;
        /* For texts, `value` tells whether equality is what is refused. */
        bool is_refused = is_text ? (strcmp(attr->s.data, g_variants[i].text) == 0) == (g_variants[i].value == 1)
                                  : attr->type == HONE_ATTR_INT && attr->i != g_variants[i].value;
        if (is_refused)
            return g_variants[i].reason;
    }
    return NULL;
}
