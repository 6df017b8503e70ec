#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace systole {

/// How an entry of a hash table lies in memory (never stored; the stored formats are in docs/format).
/// Fixed-size values: [value][flags][key length][key], at a multiple of 8, so that the value is aligned.
/// Values of any size: [flags][key length][key][capacity][length][value], unaligned; no length where the capacity is 0.
/// A key length is one byte, or 255 and two bytes; capacity likewise, or 254 and four; a length is as wide as its capacity's.
class entry_layout {
 public:
  enum flag : uint8_t {
    dead = 1,        ///< garbage: erased or moved
    tombstone = 2,   ///< absent, although the base below may hold the key
    dirty = 4,       ///< in the dirty list: to be copied to the delta log at the next snapshot
    referenced = 8,  ///< used since the last eviction
    partial = 16,    ///< maps: only changes of the key, to be laid over what the base holds
    large = 32,      ///< maps: the value is the number of a large_map
    written_shift = 6,  ///< two bits: the snapshot count (mod 4) when it was last written
  };

  explicit entry_layout(uint32_t fixed_value_bytes) : fixed_bytes_(fixed_value_bytes) {}

  bool fixed() const { return fixed_bytes_ != 0; }
  uint32_t fixed_bytes() const { return fixed_bytes_; }
  size_t alignment() const { return fixed() ? 8 : 1; }

  size_t size_for(size_t key_bytes, size_t capacity) const {
    const size_t head = fixed_bytes_ + 1 + (key_bytes < 255 ? 1 : 3) + key_bytes;
    return fixed() ? head : head + capacity_width(capacity) + length_width(capacity) + capacity;
  }
  size_t size_of(const std::byte* entry) const {
    const size_t key_bytes = key(entry).size();
    return size_for(key_bytes, fixed() ? 0 : capacity(entry));
  }

  uint8_t& flags(std::byte* entry) const { return *reinterpret_cast<uint8_t*>(entry + fixed_bytes_); }
  uint8_t flags(const std::byte* entry) const { return static_cast<uint8_t>(entry[fixed_bytes_]); }

  std::string_view key(const std::byte* entry) const {
    const auto* at = reinterpret_cast<const unsigned char*>(entry) + fixed_bytes_ + 1;
    size_t length = *at++;
    if (length == 255) [[unlikely]] {
      length = read<uint16_t>(at);
      at += 2;
    }
    return {reinterpret_cast<const char*>(at), length};
  }

  /// Writes an entry with these flags whose value is zero bytes (fixed) or empty.
  void construct(std::byte* entry, uint8_t flag_bits, std::string_view key_bytes, size_t capacity_bytes) const {
    auto* at = reinterpret_cast<unsigned char*>(entry);
    std::memset(at, 0, fixed_bytes_);
    at += fixed_bytes_;
    *at++ = flag_bits;
    if (key_bytes.size() < 255) {
      *at++ = static_cast<unsigned char>(key_bytes.size());
    } else {
      *at++ = 255;
      write(at, static_cast<uint16_t>(key_bytes.size()));
      at += 2;
    }
    if (!key_bytes.empty()) std::memcpy(at, key_bytes.data(), key_bytes.size());
    if (fixed()) return;
    at += key_bytes.size();
    if (capacity_bytes < 254) {
      *at++ = static_cast<unsigned char>(capacity_bytes);
      if (capacity_bytes != 0) *at = 0;
    } else {
      *at++ = 254;
      write(at, static_cast<uint32_t>(capacity_bytes));
      write(at + 4, uint32_t{0});
    }
  }

  size_t capacity(const std::byte* entry) const {
    const auto* at = after_key(entry);
    return *at < 254 ? *at : read<uint32_t>(at + 1);
  }

  std::string_view value(const std::byte* entry) const {
    if (fixed()) return {reinterpret_cast<const char*>(entry), fixed_bytes_};
    const auto* at = after_key(entry);
    if (*at == 0) return {};
    if (*at < 254) return {reinterpret_cast<const char*>(at + 2), at[1]};
    return {reinterpret_cast<const char*>(at + 9), read<uint32_t>(at + 5)};
  }

  /// Values of any size. REQUIRES: capacity(entry) >= bytes.size(). `bytes` may be the entry's own value.
  void set_value(std::byte* entry, std::string_view bytes) const {
    auto* at = const_cast<unsigned char*>(after_key(entry));
    if (*at == 0) return;
    const bool is_short = *at < 254;
    if (is_short) at[1] = static_cast<unsigned char>(bytes.size());
    else write(at + 5, static_cast<uint32_t>(bytes.size()));
    if (!bytes.empty()) std::memmove(at + (is_short ? 2 : 9), bytes.data(), bytes.size());
  }

  /// What state_entry::value points to: the value, or for an empty one some byte of the entry.
  std::byte* value_address(std::byte* entry) const { return entry; }

 private:
  static size_t capacity_width(size_t capacity) { return capacity < 254 ? 1 : 5; }
  static size_t length_width(size_t capacity) { return capacity == 0 ? 0 : capacity < 254 ? 1 : 4; }
  const unsigned char* after_key(const std::byte* entry) const {
    const std::string_view bytes = key(entry);
    return reinterpret_cast<const unsigned char*>(bytes.data() + bytes.size());
  }
  template <class T>
  static T read(const unsigned char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  template <class T>
  static void write(unsigned char* at, T value) { std::memcpy(at, &value, sizeof value); }

  uint32_t fixed_bytes_;
};

}  // namespace systole
