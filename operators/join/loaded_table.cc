#include "operators/join/loaded_table.h"

#include "base/bytes.h"

namespace systole {

result<void> loaded_table::put(std::string_view key, std::string_view row) {
  assert(!frozen_ || changing_);
  changed_ = true;
  const auto [at, inserted] = loading_.try_emplace(key);
  bytes_ += row.size() - at->second.size() + (inserted ? key.size() : 0);
  at->second = row;
  if (bytes_ > bytes_limit)
    return fail(error_code::limit_exceeded, "a join's table takes more than " +
                                                std::to_string(bytes_limit / limits::mebibyte) +
                                                " MiB; join it as a stream, or read fewer columns of it");
  return {};
}

void loaded_table::retract(std::string_view key, std::string_view row) {
  assert(!frozen_ || changing_);
  const auto at = loading_.find(key);
  if (at == loading_.end() || at->second != row) return;
  changed_ = true;
  bytes_ -= key.size() + row.size();
  loading_.erase(at);
}

result<void> loaded_table::freeze() {
  if (frozen_) return {};
  frozen_ = true;
  if (!changing_) encoded_ = encode();
  changed_ = true;
  SYSTOLE_TRY(settle());
  if (!changing_) loading_ = {};
  return {};
}

result<void> loaded_table::settle() {
  if (!changed_) return {};
  changed_ = false;
  index_.clear();
  row_decoder decoder(layout_, loading_.size());
  index_.reserve(loading_.size());
  for (const auto& [key, row] : loading_) {
    index_.emplace(key, static_cast<uint32_t>(index_.size()));
    SYSTOLE_TRY(decoder.append(row));
  }
  columns_ = decoder.finish();
  return {};
}

void loaded_table::for_each_difference(const loaded_table& other,
                                       const std::function<void(std::string_view key)>& visit) const {
  for (const auto& [key, row] : loading_) {
    const auto there = other.loading_.find(key);
    if (there == other.loading_.end() || there->second != row) visit(key);
  }
  for (const auto& [key, row] : other.loading_)
    if (!loading_.contains(key)) visit(key);
}

std::string loaded_table::encode() const {
  if (!encoded_.empty()) return encoded_;
  std::string bytes;
  bytes.push_back(static_cast<char>(frozen_));
  append_varint(bytes, loading_.size());
  for (const auto& [key, row] : loading_) {
    append_bytes(bytes, key);
    append_bytes(bytes, row);
  }
  return bytes;
}

result<loaded_table> loaded_table::decode(row_layout layout, std::string_view bytes, bool changing) {
  loaded_table made(std::move(layout), changing);
  byte_reader reader(bytes);
  const bool was_frozen = reader.fixed<uint8_t>() != 0;
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    const std::string_view key = reader.bytes(), row = reader.bytes();
    if (reader.ok()) SYSTOLE_TRY(made.put(key, row));
  }
  if (!reader.ok() || !reader.at_end())
    return fail(error_code::corrupt, "a join's table does not match its layout; restore from another checkpoint");
  if (was_frozen) SYSTOLE_TRY(made.freeze());
  return made;
}

}  // namespace systole
