#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/encode_buffer.h"

namespace systole {

/// Packs bytes into frames that can be put one behind the other (gzip members, zstd frames). One thread.
class byte_packer {
 public:
  virtual ~byte_packer() = default;
  /// Takes more bytes of the frame; gives what is ready.
  virtual result<void> pack(std::string_view bytes, encode_buffer& out) = 0;
  /// Ends the frame, if one was begun: a reader of the output so far gets all the input so far.
  virtual result<void> end_frame(encode_buffer& out) = 0;
};

/// `compression`: "", gzip or zstd; `invalid_argument` for others.
result<std::unique_ptr<byte_packer>> make_byte_packer(std::string_view compression);
/// "", ".gz" or ".zst".
std::string_view packing_suffix(std::string_view compression);

}  // namespace systole
