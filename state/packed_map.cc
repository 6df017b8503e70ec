#include "state/packed_map.h"

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

size_t varint_bytes(size_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

}  // namespace

bool packed_map::cursor::next(entry& at) {
  at.begin = offset_;
  at.end = offset_;
  if (offset_ == bytes_.size()) return false;
  const size_t subkey_bytes = read_length(bytes_, offset_);
  at.subkey = bytes_.substr(offset_, subkey_bytes);
  offset_ += subkey_bytes;
  const size_t value_bytes = read_length(bytes_, offset_);
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

size_t packed_map::entry_bytes(std::string_view subkey, std::string_view value) {
  return varint_bytes(subkey.size()) + subkey.size() + varint_bytes(value.size()) + value.size();
}

void packed_map::append_entry(std::string& out, std::string_view subkey, std::string_view value) {
  append_bytes(out, subkey);
  append_bytes(out, value);
}

void packed_map::put(std::string_view bytes, std::string_view subkey, std::string_view value, std::string& out,
                     bool& replaced) {
  entry at;
  replaced = lower_bound(bytes, subkey, at) && at.subkey == subkey;
  out.assign(bytes.substr(0, at.begin));
  append_entry(out, subkey, value);
  out.append(bytes.substr(replaced ? at.end : at.begin));
}

}  // namespace systole
