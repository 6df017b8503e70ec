#include "formats/line_scanner.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace systole {
namespace {

/// The line ends and marks among 64 bytes, bit i for byte i.
struct block_bits {
  uint64_t ends;
  uint64_t marks;
};

#if defined(__x86_64__)
block_bits classify_sse2(const char* at, char mark) {
  const __m128i end = _mm_set1_epi8('\n'), marked = _mm_set1_epi8(mark);
  block_bits bits{0, 0};
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at) + i);
    bits.ends |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, end))))
                 << (16 * i);
    bits.marks |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, marked))))
                  << (16 * i);
  }
  return bits;
}
#else
block_bits classify_sse2(const char* at, char mark) {
  block_bits bits{0, 0};
  for (int i = 0; i < 64; ++i) {
    bits.ends |= static_cast<uint64_t>(at[i] == '\n') << i;
    bits.marks |= static_cast<uint64_t>(at[i] == mark) << i;
  }
  return bits;
}
#endif

/// Takes the bits of the 64 bytes at `base`; true once max_lines are found.
inline bool take_block(block_bits bits, uint32_t base, size_t max_lines, bool& pending_mark, scanned_lines& out) {
  if ((bits.ends | bits.marks) == 0) return false;
  if (bits.marks == 0 && !pending_mark && !out.any_marked) {
    for (uint64_t ends = bits.ends; ends; ends &= ends - 1) {
      out.ends.push_back(base + static_cast<uint32_t>(std::countr_zero(ends)));
      if (out.ends.size() == max_lines) return true;
    }
    return false;
  }
  uint64_t marks = bits.marks;
  for (uint64_t ends = bits.ends; ends; ends &= ends - 1) {
    const int at = std::countr_zero(ends);
    const uint64_t before = marks & ((uint64_t{1} << at) - 1);
    if (before) pending_mark = true;
    marks &= ~((uint64_t{1} << at) - 1);
    if (pending_mark && !out.any_marked) {
      out.any_marked = true;
      out.marked.assign(out.ends.size(), false);
    }
    out.ends.push_back(base + static_cast<uint32_t>(at));
    if (out.any_marked) out.marked.push_back(pending_mark);
    pending_mark = false;
    if (out.ends.size() == max_lines) return true;
  }
  if (marks) pending_mark = true;
  return false;
}

template <class Classify>
inline void scan(const char* data, size_t size, char mark, size_t max_lines, scanned_lines& out, Classify classify) {
  bool pending_mark = false;
  size_t at = 0;
  for (; at + 64 <= size; at += 64)
    if (take_block(classify(data + at, mark), static_cast<uint32_t>(at), max_lines, pending_mark, out)) return;
  if (at == size) return;
  char tail[64];
  std::memset(tail, mark == '\0' ? 1 : 0, sizeof tail);
  std::memcpy(tail, data + at, size - at);
  take_block(classify(tail, mark), static_cast<uint32_t>(at), max_lines, pending_mark, out);
}

scanned_text scan_one_sse2(const char* data, size_t size, char mark) {
  block_bits all{0, 0};
  size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    const block_bits bits = classify_sse2(data + at, mark);
    all.ends |= bits.ends, all.marks |= bits.marks;
  }
  const uint64_t within = (uint64_t{1} << (size - at)) - 1;
  const block_bits last = classify_sse2(data + at, mark);
  return {(all.ends | (last.ends & within)) != 0, (all.marks | (last.marks & within)) != 0};
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) inline block_bits classify_avx2(const char* at, char mark) {
  const __m256i end = _mm256_set1_epi8('\n'), marked = _mm256_set1_epi8(mark);
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at) + 1);
  const auto mask = [](__m256i a, __m256i b) __attribute__((target("avx2"))) {
    return static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b))));
  };
  return {mask(low, end) | mask(high, end) << 32, mask(low, marked) | mask(high, marked) << 32};
}

__attribute__((target("avx2"))) void scan_avx2(const char* data, size_t size, char mark, size_t max_lines,
                                               scanned_lines& out) {
  bool pending_mark = false;
  size_t at = 0;
  for (; at + 64 <= size; at += 64)
    if (take_block(classify_avx2(data + at, mark), static_cast<uint32_t>(at), max_lines, pending_mark, out)) return;
  if (at == size) return;
  char tail[64];
  std::memset(tail, mark == '\0' ? 1 : 0, sizeof tail);
  std::memcpy(tail, data + at, size - at);
  take_block(classify_avx2(tail, mark), static_cast<uint32_t>(at), max_lines, pending_mark, out);
}

__attribute__((target("avx2"))) scanned_text scan_one_avx2(const char* data, size_t size, char mark) {
  block_bits all{0, 0};
  size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    const block_bits bits = classify_avx2(data + at, mark);
    all.ends |= bits.ends, all.marks |= bits.marks;
  }
  const uint64_t within = (uint64_t{1} << (size - at)) - 1;
  const block_bits last = classify_avx2(data + at, mark);
  return {(all.ends | (last.ends & within)) != 0, (all.marks | (last.marks & within)) != 0};
}
#endif

}  // namespace

void scan_lines(const char* data, size_t size, char mark, size_t max_lines, scanned_lines& out) {
  out.ends.clear();
  out.marked.clear();
  out.any_marked = false;
  if (size == 0 || max_lines == 0) return;
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return scan_avx2(data, size, mark, max_lines, out);
#endif
  scan(data, size, mark, max_lines, out, classify_sse2);
}

scanned_text scan_text(const char* data, size_t size, char mark) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return scan_one_avx2(data, size, mark);
#endif
  return scan_one_sse2(data, size, mark);
}

}  // namespace systole
