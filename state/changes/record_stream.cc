#include "state/changes/record_stream.h"

#include <algorithm>

#include "state/changes/record_order.h"

namespace systole {

int compare_placed(const placed_record& a, const placed_record& b) {
  if (a.group != b.group) return a.group < b.group ? -1 : 1;
  if (a.table.number != b.table.number) return a.table.number < b.table.number ? -1 : 1;
  return compare_records(a.table.kind, a.record, b.record);
}

namespace {

constexpr size_t prefetch_distance = 8;

class sorted_segment_stream final : public record_stream {
 public:
  sorted_segment_stream(std::unique_ptr<segment_reader> reader, uint32_t max_parallelism, state_part part)
      : reader_(std::move(reader)), max_parallelism_(max_parallelism), part_(std::move(part)) {}

  result<bool> next(placed_record& at) override {
    for (;;) {
      if (in_chunk_) {
        SYSTOLE_ASSIGN(in_chunk_, reader_->next(at.record));
        if (in_chunk_) {
          at.table = reader_->table();
          const key_group_id group = key_group_of(hash_key(at.record.key), max_parallelism_);
          if (!part_.groups.contains(group)) continue;
          at.group = group.value;
          return true;
        }
      }
      SYSTOLE_ASSIGN(const bool more, reader_->next_chunk());
      if (!more) return false;
      in_chunk_ = part_.has(reader_->table().number);
    }
  }

 private:
  std::unique_ptr<segment_reader> reader_;
  uint32_t max_parallelism_;
  state_part part_;
  bool in_chunk_ = false;
};

}  // namespace

std::unique_ptr<record_stream> sorted_segment(std::unique_ptr<segment_reader> reader, uint32_t max_parallelism,
                                              state_part part) {
  return std::make_unique<sorted_segment_stream>(std::move(reader), max_parallelism, std::move(part));
}

delta_record record_sorter::parse(const item& at, const table_shape& table) {
  delta_record record;
  byte_reader reader(std::string_view(at.bytes, at.length));
  read_record(reader, table, record);
  return record;
}

result<void> record_sorter::add(segment_reader& reader, const state_part& part) {
  SYSTOLE_ASSIGN([[maybe_unused]] const bool more, add_some(reader, part, SIZE_MAX));
  return {};
}

result<bool> record_sorter::add_some(segment_reader& reader, const state_part& part, size_t limit_bytes) {
  while (memory_bytes_ < limit_bytes) {
    SYSTOLE_ASSIGN(const bool more, reader.next_chunk());
    if (!more) return false;
    if (!part.has(reader.table().number)) continue;
    blocks_.emplace_back(reader.payload());
    const std::string& block = blocks_.back();
    memory_bytes_ += block.capacity() + reader.records() * sizeof(item);
    byte_reader rest(block);
    delta_record record;
    if (table_of_buckets_ != reader.table().number) {
      table_of_buckets_ = reader.table().number;
      bucket_of_group_.assign(max_parallelism_, nullptr);
    }
    for (uint32_t i = 0; i < reader.records(); ++i) {
      const char* begin = block.data() + (block.size() - rest.remaining());
      if (!read_record(rest, reader.table(), record)) return reader.malformed();
      const key_group_id group = key_group_of(hash_key(record.key), max_parallelism_);
      if (!part.groups.contains(group)) continue;
      bucket*& found = bucket_of_group_[group.value];
      if (found == nullptr) {
        found = &buckets_[{group.value, reader.table().number}];
        found->table = reader.table();
      }
      bucket& into = *found;
      const auto length = static_cast<uint32_t>(block.data() + (block.size() - rest.remaining()) - begin);
      into.items.push_back({order_prefix(into.table.kind, record), begin, numbers_++, length});
    }
  }
  return true;
}

void record_sorter::sort(bucket& unsorted) {
  const table_shape& table = unsorted.table;
  std::sort(unsorted.items.begin(), unsorted.items.end(), [&](const item& a, const item& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = compare_records(table.kind, parse(a, table), parse(b, table));
    return order != 0 ? order < 0 : a.number < b.number;
  });
}

result<bool> record_sorter::next(placed_record& at) {
  if (!sorted_) {
    for (auto& [key, unsorted] : buckets_) sort(unsorted);
    sorted_ = true;
    at_ = buckets_.begin();
  }
  while (at_ != buckets_.end() && next_item_ == at_->second.items.size()) {
    ++at_;
    next_item_ = 0;
  }
  if (at_ == buckets_.end()) return false;
  const bucket& from = at_->second;
  at.group = at_->first.group;
  at.table = from.table;
  // In the order of keys the bytes lie anywhere: those of the records to come are fetched while this one is worked on.
  if (next_item_ + prefetch_distance < from.items.size()) {
    const char* const ahead = from.items[next_item_ + prefetch_distance].bytes;
    __builtin_prefetch(ahead);
    __builtin_prefetch(ahead + 64);
  }
  const uint64_t prefix = from.items[next_item_].prefix;
  at.record = parse(from.items[next_item_++], from.table);
  for (; next_item_ < from.items.size() && from.items[next_item_].prefix == prefix; ++next_item_) {
    const delta_record later = parse(from.items[next_item_], from.table);
    if (compare_records(from.table.kind, at.record, later) != 0) break;
    at.record = later;
  }
  return true;
}

}  // namespace systole
