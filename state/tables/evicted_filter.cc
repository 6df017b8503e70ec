#include "state/tables/evicted_filter.h"

namespace systole {
namespace {

constexpr uint32_t salts[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                               0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

/// Spreads the hash again: its low bits are the key group's, equal for all keys of one filter.
uint64_t spread(uint64_t hash) { return (hash ^ hash >> 29) * 0x9e3779b97f4a7c15ULL; }

size_t block_of(uint64_t spread_hash, size_t blocks) { return static_cast<size_t>(((spread_hash >> 32) * blocks) >> 32); }

uint32_t mask_of(uint64_t spread_hash, int word) {
  return uint32_t{1} << (static_cast<uint32_t>(static_cast<uint32_t>(spread_hash) * salts[word]) >> 27);
}

}  // namespace

bool evicted_filter::layer::contains(uint64_t hash) const {
  const uint64_t mixed = spread(hash);
  const block& at = blocks[block_of(mixed, blocks.size())];
  uint32_t missing = 0;
  for (int word = 0; word < 8; ++word) missing |= mask_of(mixed, word) & ~at.words[static_cast<size_t>(word)];
  return missing == 0;
}

void evicted_filter::layer::add(uint64_t hash) {
  const uint64_t mixed = spread(hash);
  block& at = blocks[block_of(mixed, blocks.size())];
  for (int word = 0; word < 8; ++word) at.words[static_cast<size_t>(word)] |= mask_of(mixed, word);
  ++keys;
}

void evicted_filter::add(uint64_t hash) {
  if (may_contain(hash)) return;
  if (layers_.empty() || layers_.back().full()) {
    layer next;
    next.blocks.resize(layers_.empty() ? 8 : layers_.back().blocks.size() * 2);
    layers_.push_back(std::move(next));
  }
  layers_.back().add(hash);
}

size_t evicted_filter::memory_bytes() const {
  size_t sum = 0;
  for (const layer& each : layers_) sum += each.blocks.size() * sizeof(block);
  return sum;
}

}  // namespace systole
