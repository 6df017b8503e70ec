#include "state/tables/packed_map.h"

#include "base/bytes.h"

namespace systole {
namespace {

size_t read_length(std::string_view bytes, size_t& offset) {
  size_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[offset++]);
    length |= size_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return length;
  }
}

}  // namespace

bool packed_map::cursor::next(entry& at) {
  at.begin = offset_;
  at.end = offset_;
  if (offset_ == bytes_.size()) return false;
  const size_t subkey_bytes = read_length(bytes_, offset_);
  at.subkey = bytes_.substr(offset_, subkey_bytes);
  offset_ += subkey_bytes;
  const size_t marked_bytes = read_length(bytes_, offset_);
  at.erased = marked_bytes == 0;
  const size_t value_bytes = at.erased ? 0 : marked_bytes - 1;
  at.value = bytes_.substr(offset_, value_bytes);
  offset_ += value_bytes;
  at.end = offset_;
  return true;
}

bool packed_map::lower_bound(std::string_view bytes, std::string_view subkey, entry& at) {
  cursor walk(bytes);
  while (walk.next(at)) {
    if (at.subkey >= subkey) return true;
  }
  return false;
}

void packed_map::append_entry(std::string& out, std::string_view subkey, std::string_view value, bool erased) {
  append_bytes(out, subkey);
  append_varint(out, erased ? 0 : value.size() + 1);
  out.append(value);
}

void packed_map::put(std::string_view bytes, std::string_view subkey, std::string_view value, std::string& out,
                     bool& replaced, bool erased) {
  entry at;
  replaced = lower_bound(bytes, subkey, at) && at.subkey == subkey;
  out.assign(bytes.substr(0, at.begin));
  append_entry(out, subkey, value, erased);
  out.append(bytes.substr(replaced ? at.end : at.begin));
}

std::string packed_map::overlay(std::string_view bytes, std::string_view changes) {
  std::string out;
  cursor below(bytes);
  cursor above(changes);
  entry low;
  entry high;
  bool has_low = below.next(low);
  bool has_high = above.next(high);
  while (has_low || has_high) {
    const int order = !has_low ? 1 : !has_high ? -1 : low.subkey.compare(high.subkey);
    if (order < 0) {
      append_entry(out, low.subkey, low.value);
    } else if (!high.erased) {
      append_entry(out, high.subkey, high.value);
    }
    if (order <= 0) has_low = below.next(low);
    if (order >= 0) has_high = above.next(high);
  }
  return out;
}

uint64_t packed_map::count(std::string_view bytes) {
  uint64_t entries = 0;
  cursor walk(bytes);
  for (entry at; walk.next(at);) ++entries;
  return entries;
}

}  // namespace systole
