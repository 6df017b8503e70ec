#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace systole {

/// A small ordered map in one string of bytes: [varint subkey length][subkey][varint value length][value]*, ascending by
/// memcmp of the subkeys. Lookup is a walk, so callers keep it below some kilobytes. Stateless functions over bytes that this
/// class wrote (in memory only; never read from a file).
class packed_map {
 public:
  struct entry {
    std::string_view subkey;
    std::string_view value;
    size_t begin = 0;  ///< of the entry in the bytes
    size_t end = 0;
  };

  /// Walks the entries of `bytes`, ascending.
  class cursor {
   public:
    explicit cursor(std::string_view bytes) : bytes_(bytes) {}
    bool next(entry& at);

   private:
    std::string_view bytes_;
    size_t offset_ = 0;
  };

  /// The first entry whose subkey is >= `subkey`; false where there is none (then at.begin is the end of the bytes).
  static bool lower_bound(std::string_view bytes, std::string_view subkey, entry& at);
  static size_t entry_bytes(std::string_view subkey, std::string_view value);
  static void append_entry(std::string& out, std::string_view subkey, std::string_view value);
  /// Writes into `out` the bytes with `subkey` set; `replaced` tells whether it was there.
  static void put(std::string_view bytes, std::string_view subkey, std::string_view value, std::string& out, bool& replaced);
};

}  // namespace systole
