#include "tests/operators/example_every_nth.h"

#include <cstring>

#include "operators/step_expressions.h"

namespace systole::examples {
namespace {

class every_nth final : public stream_operator {
 public:
  every_nth(const operator_context& context, expression_ptr key, uint64_t n)
      : context_(context), key_({std::move(key)}), n_(n) {}

  result<void> open() override {
    SYSTOLE_ASSIGN(counts_, context_.state->open_values({.step = context_.step,
                                                         .name = "counts",
                                                         .layout = "key->count:u64",
                                                         .fingerprint = key_[0]->normalized() + " every " + std::to_string(n_),
                                                         .fixed_value_bytes = sizeof(uint64_t)}));
    return {};
  }

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    encode_keys_or_reject(key_, rows, context_, key_columns_, keys_, out);
    if (rows.empty()) return progress::done;
    entries_.resize(rows.rows());
    SYSTOLE_TRY(counts_->find_or_insert(keys_, {}, entries_));
    passed_.clear();
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      uint64_t count;
      std::memcpy(&count, entries_[row].value, sizeof count);
      if (count == 0) passed_.push_back(row);
      count = (count + 1) % n_;
      std::memcpy(entries_[row].value, &count, sizeof count);
    }
    context_.accounting->out += passed_.size();
    context_.accounting->filtered += rows.rows() - passed_.size();
    if (!passed_.empty()) out.push(passed_.size() == rows.rows() ? std::move(rows) : gather(rows, passed_));
    return progress::done;
  }

 private:
  operator_context context_;
  std::vector<expression_ptr> key_;
  uint64_t n_;
  value_table* counts_ = nullptr;
  // Kept from batch to batch for their memory.
  std::vector<column_ptr> key_columns_;
  encoded_keys keys_;
  std::vector<state_entry> entries_;
  std::vector<uint32_t> passed_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_every_nth(const std::string& key_sql, uint64_t n, const operator_input& input,
                                                        const operator_context& context) {
  if (input.changelog) return step_failure(context, "every nth row of a changelog is not defined");
  if (n == 0) return step_failure(context, "n must be at least 1");
  proto::Expression key;
  key.set_sql(key_sql);
  SYSTOLE_ASSIGN(expression_ptr bound, bind_step_expression(key, step_scope(input.columns, context), context, "key"));
  return std::unique_ptr<stream_operator>(std::make_unique<every_nth>(context, std::move(bound), n));
}

}  // namespace systole::examples
