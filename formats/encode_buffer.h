#pragma once

#include <cstring>
#include <memory>
#include <string_view>

namespace systole {

/// Bytes that an encoder writes: a string that grows without zeroing, and whose room is asked for once per row.
class encode_buffer {
 public:
  std::string_view view() const { return {bytes_.get(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

  /// Makes room for `more` bytes behind the end and gives the end; advance(pointer behind the last byte) ends the
  /// write.
  char* reserve(size_t more) {
    if (more > capacity_ - size_) grow(more);
    return bytes_.get() + size_;
  }
  void advance(const char* end) { size_ = static_cast<size_t>(end - bytes_.get()); }
  void append(std::string_view text) {
    char* const at = reserve(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    size_ += text.size();
  }

 private:
  void grow(size_t more) {
    size_t capacity = capacity_ ? capacity_ : 4096;
    while (capacity - size_ < more) capacity *= 2;
    std::unique_ptr<char[]> bytes(new char[capacity]);
    if (size_) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace systole
