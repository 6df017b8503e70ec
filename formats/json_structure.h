#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace systole {

/// Finds the structural positions of JSON text: each of {}[]:, outside of strings, each string's opening quote and each
/// other scalar's first byte. It is simdjson's stage 1 (Langdale and Lemire, "Parsing Gigabytes of JSON per Second",
/// 2019) with the implementation that suits the machine, over windows that may hold many lines. One thread.
class json_structure {
 public:
  json_structure();
  ~json_structure();
  json_structure(const json_structure&) = delete;
  json_structure& operator=(const json_structure&) = delete;

  /// What stage 1 checks of the whole window.
  enum class verdict { ok, empty, invalid_utf8, unclosed_string, control_character };

  /// Indexes data[0, size). After `ok`, positions() holds size() ascending offsets, followed by at least
  /// `sentinels` entries of `sentinel`, so that a walk which reads ahead ends there.
  verdict index(const char* data, size_t size, uint32_t sentinel);
  static constexpr size_t sentinels = 4;

  const uint32_t* positions() const { return positions_; }
  size_t size() const { return size_; }

 private:
  struct parser;
  std::unique_ptr<parser> parser_;
  const uint32_t* positions_ = nullptr;
  size_t size_ = 0;
};

}  // namespace systole
