/* OK(call): the test fails, with the message and the node, unless the call succeeds. The call names `error`, which this
 * declares. Stands after cmocka.h and the header of hone_error. */
#ifndef HONE_TESTS_OK_H
#define HONE_TESTS_OK_H

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        hone_error error_;                                                                                             \
        hone_error *error = &error_;                                                                                   \
        hone_error_clear(error);                                                                                       \
        if ((expr) != HONE_OK)                                                                                         \
            fail_msg("%s: %s (%s)", #expr, error_.message, error_.node);                                               \
    } while (0)

#endif
