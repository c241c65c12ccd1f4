/*
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 appendix B.4 has test values).
 * Uses the processor's instruction where there is one, tables otherwise; both give the same.
 */
#ifndef NEAP_CORE_CRC32C_H
#define NEAP_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(
    uint32_t crc, const void *data, size_t len); /* crc: 0 at first, or what was returned so far */

/* By tables on every machine: for the tests. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
