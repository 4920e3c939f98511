/* The families of operators: X(NAME) for each file ops_NAME.c, which exports hone__ops_NAME. */
#ifndef HONE_OPS_OP_FAMILIES_H
#define HONE_OPS_OP_FAMILIES_H

#define HONE_OP_FAMILIES(X)                                                                                            \
    X(binary)                                                                                                          \
    X(constant)                                                                                                        \
    X(control)                                                                                                         \
    X(gradient)                                                                                                        \
    X(identity)                                                                                                        \
    X(image)                                                                                                           \
    X(move)                                                                                                            \
    X(random)                                                                                                          \
    X(select)                                                                                                          \
    X(sequence)                                                                                                        \
    X(shape)                                                                                                           \
    X(string)                                                                                                          \
    X(unary)                                                                                                           \
    X(attention)                                                                                                       \
    X(loss)                                                                                                            \
    X(einsum)                                                                                                          \
    X(sample)                                                                                                          \
    X(signal)                                                                                                          \
    X(contrib)                                                                                                         \
    X(contrib_alias)                                                                                                   \
    X(contrib_fused)                                                                                                   \
    X(contrib_linear)                                                                                                  \
    X(contrib_misc)                                                                                                    \
    X(contrib_attention)                                                                                               \
    X(contrib_gqa)                                                                                                     \
    X(contrib_mha)                                                                                                     \
    X(ml_encode)                                                                                                       \
    X(ml_svm)                                                                                                          \
    X(ml_tree)                                                                                                         \
    X(text)                                                                                                            \
    X(training)                                                                                                        \
    X(contrib_quant)                                                                                                   \
    X(contrib_qlinear)                                                                                                 \
    X(ml)                                                                                                              \
    X(channel)                                                                                                         \
    X(conv)                                                                                                            \
    X(gather)                                                                                                          \
    X(nms)                                                                                                             \
    X(matmul)                                                                                                          \
    X(norm)                                                                                                            \
    X(pool)                                                                                                            \
    X(quant)                                                                                                           \
    X(rnn)                                                                                                             \
    X(reduce)                                                                                                          \
    X(resize)                                                                                                          \
    X(slice)                                                                                                           \
    X(softmax)                                                                                                         \
    X(space)

#endif
