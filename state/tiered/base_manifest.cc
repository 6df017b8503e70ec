#include "state/tiered/base_manifest.h"

#include <xxhash.h>

#include "base/bytes.h"

namespace systole {
namespace {

constexpr std::string_view magic = "SYSBASE1";

}  // namespace

bool is_base_manifest(std::string_view first_bytes) { return first_bytes.substr(0, magic.size()) == magic; }

std::string encode_base_manifest(const std::vector<std::string>& names) {
  std::string out(magic);
  append_fixed(out, static_cast<uint32_t>(names.size()));
  for (const std::string& name : names) append_bytes(out, name);
  append_fixed(out, XXH3_64bits(out.data(), out.size()));
  return out;
}

result<std::vector<std::string>> decode_base_manifest(std::string_view bytes, const std::string& path) {
  const auto damaged = [&] {
    return fail(error_code::corrupt, "state file " + path + " is damaged: restore an older epoch with --rewind");
  };
  constexpr size_t least = magic.size() + sizeof(uint32_t) + sizeof(uint64_t);
  if (bytes.size() < least || !is_base_manifest(bytes)) return damaged();
  const std::string_view checked = bytes.substr(0, bytes.size() - sizeof(uint64_t));
  byte_reader tail(bytes.substr(checked.size()));
  if (tail.fixed<uint64_t>() != XXH3_64bits(checked.data(), checked.size())) return damaged();
  byte_reader reader(checked.substr(magic.size()));
  std::vector<std::string> names;
  for (uint32_t left = reader.fixed<uint32_t>(); left > 0 && reader.ok(); --left) {
    names.emplace_back(reader.bytes());
    // The name becomes a path in the task's folder.
    if (names.back().empty() || names.back().find('/') != std::string::npos || names.back()[0] == '.') return damaged();
  }
  if (!reader.ok() || !reader.at_end()) return damaged();
  return names;
}

}  // namespace systole
