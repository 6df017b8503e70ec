#include "operators/order_key.h"

#include "data/key_encoding.h"

namespace systole {

result<order_key> order_key::make(const google::protobuf::RepeatedPtrField<proto::OrderBy>& order,
                                  const expression_scope& scope, const operator_context& context) {
  order_key made;
  for (const proto::OrderBy& each : order) {
    SYSTOLE_ASSIGN(expression_ptr expression, bind_step_expression(each.value(), scope, context, "orderBy"));
    made.expressions_.push_back(std::move(expression));
    made.directions_.push_back({each.descending(), each.nulls_first()});
  }
  return made;
}

void order_key::append(std::string& out, const std::vector<column_ptr>& columns, const batch& rows, size_t row) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    // append_ordered puts NULLs last ascending and first descending; a byte before it moves them to the other end.
    if (directions_[i].nulls_first != directions_[i].descending)
      out.push_back(columns[i]->is_null(row) == directions_[i].nulls_first ? '\0' : '\1');
    append_ordered(out, *columns[i], row, directions_[i].descending);
  }
  const uint128 position = rows.position(row);
  for (int shift = 120; shift >= 0; shift -= 8) out.push_back(static_cast<char>(position >> shift));
}

std::string order_key::fingerprint() const {
  std::string text;
  for (size_t i = 0; i < expressions_.size(); ++i) {
    text += expressions_[i]->normalized();
    text += directions_[i].descending ? " desc" : " asc";
    text += directions_[i].nulls_first ? " nulls first, " : " nulls last, ";
  }
  return text + "position";
}

}  // namespace systole
