#include "connectors/outbox/file_part.h"

#include "base/bytes.h"

namespace systole {
namespace {
constexpr uint8_t parts_version = 1;

std::string as_file_name(const std::string& step) {
  std::string name;
  for (const char c : step)
    name += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ? c : '_';
  return name;
}

}  // namespace

std::string encode_parts(const std::vector<file_part>& parts) {
  std::string out;
  append_fixed(out, parts_version);
  append_varint(out, parts.size());
  for (const file_part& part : parts) {
    append_bytes(out, part.staged);
    append_bytes(out, part.published);
    append_varint(out, part.epoch);
    append_varint(out, part.bytes);
    append_varint(out, part.rows);
    append_fixed(out, part.xxh3);
  }
  return out;
}

result<std::vector<file_part>> decode_parts(std::string_view bytes) {
  std::vector<file_part> parts;
  if (bytes.empty()) return parts;
  byte_reader in(bytes);
  if (in.fixed<uint8_t>() != parts_version)
    return fail(error_code::incompatible, "a file sink's committable is of another version");
  for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    file_part part;
    part.staged = std::string(in.bytes());
    part.published = std::string(in.bytes());
    part.epoch = in.varint();
    part.bytes = in.varint();
    part.rows = in.varint();
    part.xxh3 = in.fixed<uint64_t>();
    parts.push_back(std::move(part));
  }
  if (!in.ok() || !in.at_end()) return fail(error_code::corrupt, "a file sink's committable cannot be read");
  return parts;
}

file_sink_place place_of(const std::string& folder, const std::string& step) {
  return {folder, folder + "/.staging-" + as_file_name(step)};
}

std::string outbox_folder_of(const std::string& outbox_directory, const std::string& step) {
  return outbox_directory + "/" + as_file_name(step);
}

void raise(const committed_epoch& committed, uint64_t epoch) {
  uint64_t before = committed->load();
  while (before < epoch && !committed->compare_exchange_weak(before, epoch)) {
  }
}

}  // namespace systole
