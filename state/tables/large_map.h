#pragma once

#include <absl/container/btree_map.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace systole {

/// The ordered map of one key that has outgrown a packed_map: packed pages of some kilobytes in a btree, so that a hundred
/// thousand subkeys are neither quadratic nor 64 bytes of overhead each. One thread.
class large_map {
 public:
  using visitor = std::function<bool(std::string_view subkey, std::string_view value)>;

  /// Takes the entries of a packed_map.
  explicit large_map(std::string_view packed);

  std::optional<std::string_view> get(std::string_view subkey) const;
  /// True where the subkey is new.
  bool put(std::string_view subkey, std::string_view value);
  /// True where the subkey was there.
  bool erase(std::string_view subkey);
  bool empty() const { return pages_.empty(); }

  /// Entries with from <= subkey (< to unless `to` is empty), ascending or descending; false where the visitor stopped.
  bool scan(std::string_view from, std::string_view to, const visitor& visit) const;
  bool scan_backwards(std::string_view from, std::string_view to, const visitor& visit) const;

  size_t memory_bytes() const { return memory_bytes_; }

 private:
  /// Packed pages by the least subkey they were made for; the first page also holds what is less than its own.
  using page_map = absl::btree_map<std::string, std::string, std::less<>>;
  page_map::iterator page_of(std::string_view subkey);
  page_map::const_iterator page_of(std::string_view subkey) const;
  void split(page_map::iterator page);

  page_map pages_;
  std::string scratch_;
  size_t memory_bytes_ = 0;
};

/// Visits a packed page's entries in [from, to), descending; false where the visitor stopped.
bool scan_packed_backwards(std::string_view packed, std::string_view from, std::string_view to,
                           const large_map::visitor& visit);
bool scan_packed(std::string_view packed, std::string_view from, std::string_view to, const large_map::visitor& visit);

}  // namespace systole
