#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace systole {

/// A small ordered map in one string of bytes: [varint subkey length][subkey][varint value length + 1][value]*, ascending by
/// memcmp of the subkeys; 0 instead of a length marks an erased subkey, where the bytes are changes to be laid over others. Lookup is a walk, so callers keep it below some kilobytes. Stateless functions over bytes that this
/// class wrote (in memory only; never read from a file).
class packed_map {
 public:
  struct entry {
    std::string_view subkey;
    std::string_view value;
    bool erased = false;
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
  static void append_entry(std::string& out, std::string_view subkey, std::string_view value, bool erased = false);
  /// Writes into `out` the bytes with `subkey` set; `replaced` tells whether it was there.
  static void put(std::string_view bytes, std::string_view subkey, std::string_view value, std::string& out, bool& replaced,
                  bool erased = false);
  /// Lays `changes` over `bytes`; the result has no erased marks.
  static std::string overlay(std::string_view bytes, std::string_view changes);
  static uint64_t count(std::string_view bytes);
};

}  // namespace systole
