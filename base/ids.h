#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace systole {

/// Wraps an integer so that ids of different things do not mix. Compares and hashes as the integer.
template <class Tag, class Integer>
struct strong_id {
  Integer value{};
  constexpr strong_id() = default;
  constexpr explicit strong_id(Integer v) : value(v) {}
  friend constexpr auto operator<=>(strong_id, strong_id) = default;
  template <class H>
  friend H AbslHashValue(H h, strong_id id) { return H::combine(std::move(h), id.value); }
};

/// A checkpoint's number. Grows, never reused, not consecutive; 0 means "before the first".
using epoch_id = strong_id<struct epoch_tag, uint64_t>;
/// A coordinator's term; a lower one is stale.
using term_id = strong_id<struct term_tag, uint64_t>;
/// One deployment of a job's tasks; grows with each restart.
using attempt_id = strong_id<struct attempt_tag, uint32_t>;
/// A node of the physical plan.
using node_id = strong_id<struct node_tag, uint32_t>;
/// A key group: XXH3-64(key) mod maxParallelism.
using key_group_id = strong_id<struct key_group_tag, uint16_t>;

}  // namespace systole

template <class Tag, class Integer>
struct std::hash<systole::strong_id<Tag, Integer>> {
  size_t operator()(systole::strong_id<Tag, Integer> id) const noexcept { return std::hash<Integer>()(id.value); }
};
