#include "connectors/kafka/kafka_partition.h"

#include <cstring>

namespace systole {

int32_t kafka_key_hash(std::string_view key) {
  constexpr uint32_t seed = 0x9747b28c, m = 0x5bd1e995;
  constexpr int r = 24;
  uint32_t hash = seed ^ static_cast<uint32_t>(key.size());
  size_t at = 0;
  for (; at + 4 <= key.size(); at += 4) {
    uint32_t word;
    std::memcpy(&word, key.data() + at, 4);
    word *= m;
    word ^= word >> r;
    word *= m;
    hash = hash * m ^ word;
  }
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(key[at + i])); };
  switch (key.size() - at) {
    case 3: hash ^= byte(2) << 16; [[fallthrough]];
    case 2: hash ^= byte(1) << 8; [[fallthrough]];
    case 1: hash = (hash ^ byte(0)) * m;
  }
  hash ^= hash >> 13;
  hash *= m;
  hash ^= hash >> 15;
  return static_cast<int32_t>(hash & 0x7fffffff);
}

}  // namespace systole
