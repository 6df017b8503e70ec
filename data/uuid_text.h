#pragma once

#include <cstddef>
#include <cstdint>

namespace systole {

/// The length of a UUID's canonical text: "01234567-89ab-cdef-0123-456789abcdef".
inline constexpr size_t uuid_text_bytes = 36;
inline constexpr size_t uuid_packed_bytes = 16;

/// Packs the 36 bytes at `text` into 16; false (and `packed` unspecified) where they are not a lower-case UUID.
/// Any version and variant counts: only the shape matters, so that packing is exact in both directions.
bool pack_uuid(const char* text, char* packed);
/// Writes the 36 bytes of text for 16 packed ones.
void unpack_uuid(const char* packed, char* text);

}  // namespace systole
