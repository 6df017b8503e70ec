// The merge of sorted streams: a heap of their heads, which are mostly told apart by three numbers.
#include <algorithm>
#include <tuple>

#include "state/changes/record_order.h"
#include "state/changes/record_stream.h"

namespace systole {
namespace {

class merged_stream final : public record_stream {
 public:
  explicit merged_stream(std::vector<std::unique_ptr<record_stream>> oldest_first) {
    inputs_.reserve(oldest_first.size());
    for (auto& stream : oldest_first) inputs_.push_back({std::move(stream), {}, 0});
    heap_.reserve(inputs_.size());
  }

  result<bool> next(placed_record& at) override {
    if (!begun_) {
      begun_ = true;
      for (uint32_t i = 0; i < inputs_.size(); ++i) SYSTOLE_TRY(advance(i));
    }
    for (const uint32_t each : given_) SYSTOLE_TRY(advance(each));
    given_.clear();
    if (heap_.empty()) return false;
    const uint32_t least = pop();
    given_.push_back(least);
    // Older changes of the same key come right behind it.
    while (!heap_.empty() && compare(heap_.front(), least) == 0) given_.push_back(pop());
    at = inputs_[least].head;
    return true;
  }

 private:
  struct input {
    std::unique_ptr<record_stream> stream;
    placed_record head;
    uint64_t prefix;
  };

  /// Reads the input's next head and puts it into the heap.
  result<void> advance(uint32_t number) {
    input& from = inputs_[number];
    SYSTOLE_ASSIGN(const bool more, from.stream->next(from.head));
    if (!more) return {};
    from.prefix = order_prefix(from.head.table.kind, from.head.record);
    heap_.push_back(number);
    std::push_heap(heap_.begin(), heap_.end(), [this](uint32_t a, uint32_t b) { return later(a, b); });
    return {};
  }
  uint32_t pop() {
    std::pop_heap(heap_.begin(), heap_.end(), [this](uint32_t a, uint32_t b) { return later(a, b); });
    const uint32_t least = heap_.back();
    heap_.pop_back();
    return least;
  }
  int compare(uint32_t a, uint32_t b) const {
    const input& x = inputs_[a];
    const input& y = inputs_[b];
    const auto place = [](const input& of) { return std::tuple(of.head.group, of.head.table.number, of.prefix); };
    if (place(x) != place(y)) return place(x) < place(y) ? -1 : 1;
    return compare_records(x.head.table.kind, x.head.record, y.head.record);
  }
  /// The heap's order: the least key first, of equal ones the newest stream's.
  bool later(uint32_t a, uint32_t b) const {
    const int order = compare(a, b);
    return order != 0 ? order > 0 : a < b;
  }

  std::vector<input> inputs_;
  std::vector<uint32_t> heap_;
  std::vector<uint32_t> given_;  ///< inputs whose heads are used up
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<record_stream> merge(std::vector<std::unique_ptr<record_stream>> oldest_first) {
  if (oldest_first.size() == 1) return std::move(oldest_first.front());
  return std::make_unique<merged_stream>(std::move(oldest_first));
}

}  // namespace systole
