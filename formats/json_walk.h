#pragma once

#include <string>
#include <string_view>

#include "formats/json_keys.h"
#include "formats/record_columns.h"

namespace systole {

/// What is wrong with a line, the first thing found.
enum class json_fault : uint8_t {
  none,
  not_an_object,
  syntax,
  number,
  literal,
  escape,
  null_character,
  lone_surrogate,
  depth,
};

/// Walks one record along its structural positions (see json_structure), sets the columns' values and checks all of it.
/// Reading stops at a sentinel, a position of a zero byte or of a line's end, which are no token of the grammar.
/// `Escapes`: some string of the line may hold a backslash; without one, stage 1 has checked all there is in a string.
template <bool Escapes>
class json_walk {
 public:
  /// `base`: what positions count from. `scratch` holds unescaped text that no column points to.
  json_walk(const char* base, const uint32_t* at, record_columns& columns, bool lenient_text, std::string& scratch)
      : base_(base), at_(at), columns_(columns), lenient_text_(lenient_text), scratch_(scratch) {}

  /// Walks the object that begins at the position; false on a fault.
  bool walk(json_keys& keys) {
    if (base_[*at_] != '{') return fail(json_fault::not_an_object);
    return object(keys, 1);
  }
  /// Behind the last position that was read.
  const uint32_t* at() const { return at_; }
  json_fault fault() const { return fault_; }
  /// The record has a key that no column names, beside or above columns' keys.
  bool has_unknown_key() const { return unknown_key_; }

 private:
  bool fail(json_fault what) {
    fault_ = what;
    return false;
  }
  bool object(json_keys& keys, unsigned depth);
  json_keys::entry& find_key(json_keys& keys, json_keys::entry& before, std::string_view quoted);
  bool skip_value(unsigned depth);
  bool skip_scalar();
  bool skip_container(unsigned depth);
  bool set_value(uint32_t column, unsigned depth);
  bool set_string(const record_columns::slot& slot);
  bool set_container(const record_columns::slot& slot, unsigned depth);
  bool set_scalar(const record_columns::slot& slot);
  bool set_number(const record_columns::slot& slot, std::string_view token);
  bool set_entry(json_keys::entry& entry, unsigned depth);
  /// The scalar token at the position, without the blanks behind it.
  std::string_view token(const uint32_t* at) const;
  /// The inside of the string token at the position; its escapes are checked. False on a fault.
  bool string_inside(std::string_view& inside);
  bool check_escapes(std::string_view inside);

  const char* base_;
  const uint32_t* at_;
  record_columns& columns_;
  bool lenient_text_;
  std::string& scratch_;
  json_fault fault_ = json_fault::none;
  bool unknown_key_ = false;
};

extern template class json_walk<false>;
extern template class json_walk<true>;

}  // namespace systole
