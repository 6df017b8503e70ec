#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace systole {

/// The other byte order: Kafka's protocol is big-endian, this machine is not (base/bytes.h).
template <class T>
T kafka_swapped(T value) {
  if constexpr (sizeof(T) == 1) return value;
  else if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  else if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  else return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

/// Writes the primitive types of Kafka's protocol ("Protocol Primitive Types", https://kafka.apache.org/protocol).
class kafka_writer {
 public:
  template <class T>
  kafka_writer& fixed(T value) {
    append_fixed(bytes_, kafka_swapped(value));
    return *this;
  }
  kafka_writer& int8(int8_t value) { return fixed(value); }
  kafka_writer& int16(int16_t value) { return fixed(value); }
  kafka_writer& int32(int32_t value) { return fixed(value); }
  kafka_writer& int64(int64_t value) { return fixed(value); }
  kafka_writer& text(std::string_view value) {
    int16(static_cast<int16_t>(value.size()));
    bytes_ += value;
    return *this;
  }
  kafka_writer& blob(std::string_view value) {
    int32(static_cast<int32_t>(value.size()));
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads them. After a short or wrong read all further ones give zeros and ok() is false, so that it is asked once.
class kafka_reader {
 public:
  explicit kafka_reader(std::string_view bytes) : in_(bytes) {}

  bool ok() const { return in_.ok() && ok_; }
  size_t remaining() const { return in_.remaining(); }
  int8_t int8() { return fixed<int8_t>(); }
  int16_t int16() { return fixed<int16_t>(); }
  int32_t int32() { return fixed<int32_t>(); }
  int64_t int64() { return fixed<int64_t>(); }
  /// A null is empty.
  std::string_view text() {
    const int16_t size = int16();
    return size < 0 ? std::string_view() : in_.take(static_cast<uint64_t>(size));
  }
  std::string_view blob() {
    const int32_t size = int32();
    return size < 0 ? std::string_view() : in_.take(static_cast<uint64_t>(size));
  }
  /// Elements of an array whose elements take at least `least` bytes each; null: 0.
  int32_t count(size_t least) {
    const int32_t elements = int32();
    if (elements <= 0) return 0;
    if (static_cast<uint64_t>(elements) * least > in_.remaining()) {
      ok_ = false;
      return 0;
    }
    return elements;
  }
  void skip(uint64_t bytes) { in_.take(bytes); }

 private:
  template <class T>
  T fixed() {
    return kafka_swapped(in_.fixed<T>());
  }
  byte_reader in_;
  bool ok_ = true;
};

}  // namespace systole
