#include "formats/csv_decoder.h"

#include <algorithm>

#include "base/limits.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr size_t window_bytes = 64 * limits::kibibyte;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view malformed_text = "22P02", invalid_character = "22021", not_null_violation = "23502",
                           malformed_csv = "22P04";

bool is_blank_line(std::string_view line) { return trim_field_blanks(line).empty(); }

}  // namespace

csv_decoder::csv_decoder(std::vector<decoder_column> columns, const decoder_options& options)
    : described_(std::move(columns)), options_(options), columns_(described_) {
  for (const std::string& word : options_.null_words)
    null_word_lengths_ |= uint64_t{1} << std::min<size_t>(word.size(), 63);
  begin_file();
}

void csv_decoder::begin_file() {
  has_header_ = !options_.header;
  at_file_start_ = true;
  if (options_.header) return;
  targets_.assign(described_.size(), {});
  for (size_t i = 0; i < described_.size(); ++i) targets_[i].columns.push_back(static_cast<uint32_t>(i));
}

result<size_t> csv_decoder::read_header(const record_span& first_bytes) {
  std::string_view bytes(first_bytes.data, first_bytes.size);
  size_t mark = 0;
  if (bytes.starts_with(byte_order_mark)) mark = byte_order_mark.size();
  else if (bytes.size() < byte_order_mark.size() && byte_order_mark.starts_with(bytes) && !first_bytes.last)
    return size_t{0};
  if (!options_.header) {
    at_file_start_ = false;
    return mark;
  }
  size_t at = mark;
  for (;;) {
    const std::string_view rest = bytes.substr(at);
    if (rest.empty() && first_bytes.last) break;  // a file without a header has no records either
    size_t length = 0, consumed = 0;
    const csv_split split = split_csv_record(rest, options_.delimiter, options_.quote, options_.quoted_newlines, true,
                                             fields_, length, consumed);
    const bool whole = consumed > 0 && rest[consumed - 1] == '\n' &&
                       !(split == csv_split::unclosed_quote && options_.quoted_newlines);
    if (!whole && !first_bytes.last) return size_t{0};
    at += consumed;
    if (is_blank_line(rest.substr(0, length))) continue;
    if (split != csv_split::complete) return fail(error_code::invalid_argument, "the CSV header's quotes do not match");
    SYSTOLE_TRY(take_header());
    break;
  }
  has_header_ = true;
  at_file_start_ = false;
  return at;
}

result<void> csv_decoder::take_header() {
  targets_.assign(fields_.size(), {});
  std::vector<bool> found(described_.size(), false);
  bool any = described_.empty();
  for (size_t i = 0; i < fields_.size(); ++i) {
    scratch_.resize(fields_[i].text.size());
    scratch_.resize(undouble_quotes(fields_[i].text, options_.quote, scratch_.data()));
    const std::string_view name = trim_field_blanks(fields_[i].quoted ? std::string_view(scratch_) : fields_[i].text);
    bool known = false;
    for (size_t c = 0; c < described_.size(); ++c) {
      if (described_[c].path.back() != name) continue;
      known = true;
      if (found[c])
        return fail(error_code::invalid_argument, "the CSV header names a column twice: " + described_[c].name);
      targets_[i].columns.push_back(static_cast<uint32_t>(c));
    }
    for (uint32_t c : targets_[i].columns) found[c] = true;
    any |= known;
    if (!known && options_.unknown_fields_reject)
      return fail(error_code::invalid_argument,
                  "the CSV header has an unknown column, number " + std::to_string(i + 1));
  }
  if (!any)
    return fail(error_code::invalid_argument,
                "the CSV header has none of the columns, among them " + described_[0].name);
  return {};
}

result<size_t> csv_decoder::decode(const record_span& span, size_t max_records) {
  if (!started_) {
    columns_.start(options_.capacity);
    started_ = true;
  }
  const size_t goal = made_.records + max_records;
  size_t done = 0;
  if (at_file_start_) {
    SYSTOLE_ASSIGN(done, read_header(span));
    if (at_file_start_) return size_t{0};
  }
  const auto keep_owner = [&] {
    if (done && std::find(made_.owners.begin(), made_.owners.end(), span.owner) == made_.owners.end())
      made_.owners.push_back(span.owner);
  };
  while (done < span.size && made_.records < goal) {
    const size_t left = span.size - done;
    scan_lines(span.data + done, std::min(left, window_bytes), options_.quote, goal - made_.records, lines_);
    if (lines_.ends.empty() && left > window_bytes) scan_lines(span.data + done, left, options_.quote, 1, lines_);
    if (lines_.ends.empty()) {
      if (!span.last) break;
      lines_.ends.push_back(static_cast<uint32_t>(left));
      lines_.any_marked = true;
      lines_.marked.assign(1, true);
    }
    const size_t window = done;
    const size_t window_end = std::min(span.size, window + lines_.ends.back() + 1);
    const bool clean = is_text({span.data + window, window_end - window});
    for (size_t i = 0; i < lines_.ends.size() && made_.records < goal; ++i) {
      size_t end = window + lines_.ends[i];
      if (end < done) continue;  // inside of a record that spans lines
      const size_t begin = done;
      csv_split split = csv_split::complete;
      size_t consumed;
      if (!lines_.any_marked || !lines_.marked[i]) {
        consumed = end + 1 - begin;
        if (end > begin && span.data[end - 1] == '\r') --end;
        if (is_blank_line({span.data + begin, end - begin})) {
          done += consumed;
          continue;
        }
        split_plain_csv_line({span.data + begin, end - begin}, options_.delimiter, fields_);
      } else {
        const std::string_view rest(
            span.data + begin, options_.quoted_newlines ? span.size - begin : std::min(end + 1, span.size) - begin);
        size_t length;
        split = split_csv_record(rest, options_.delimiter, options_.quote, options_.quoted_newlines, options_.trim,
                                 fields_, length, consumed);
        const bool whole = consumed > 0 && rest[consumed - 1] == '\n' &&
                           !(split == csv_split::unclosed_quote && options_.quoted_newlines);
        if (!whole && !span.last) {
          keep_owner();
          return done;
        }
        end = begin + length;
        if (is_blank_line(rest.substr(0, length))) {
          done += consumed;
          continue;
        }
      }
      done += std::min(consumed, span.size - done);
      ++made_.records;
      if ((!clean || end > window_end) && !is_text({span.data + begin, end - begin}))
        reject(span, begin, end, is_utf8({span.data + begin, end - begin}) ? "U+0000 in a record" : "invalid UTF-8",
               invalid_character);
      else if (split == csv_split::unclosed_quote)
        reject(span, begin, end, "malformed CSV: a quote does not close", malformed_csv);
      else if (split == csv_split::text_behind_quote)
        reject(span, begin, end, "malformed CSV: text behind a closing quote", malformed_csv);
      else decode_record(span, begin, end);
    }
  }
  keep_owner();
  return done;
}

void csv_decoder::decode_record(const record_span& span, size_t begin, size_t end) {
  if (fields_.size() > targets_.size())
    return reject(span, begin, end, "malformed CSV: more fields than the header", malformed_csv);
  columns_.begin_record();
  for (size_t i = 0; i < fields_.size(); ++i)
    for (uint32_t column : targets_[i].columns) set_field(column, fields_[i]);
  if (options_.strict_types) {
    if (const int wrong = columns_.first_wrong(); wrong >= 0)
      return reject(span, begin, end, "wrong type: " + described_[static_cast<size_t>(wrong)].name, malformed_text);
  }
  if (const int missing = columns_.first_missing_required(); missing >= 0)
    return reject(span, begin, end, "null in a not null field: " + described_[static_cast<size_t>(missing)].name,
                  not_null_violation);
  columns_.end_record();
  made_.offsets.push_back(span.offset + begin);
  if (options_.keep_raw) made_.raws.emplace_back(span.data + begin, end - begin);
}

void csv_decoder::set_field(uint32_t column, const csv_field& field) {
  std::string_view text = field.text;
  if (options_.trim && !field.quoted) text = trim_field_blanks(text);
  if (is_null_text(text)) return;
  const record_columns::slot& slot = columns_.at(column);
  if (field.doubled) {
    scratch_.resize(text.size());
    scratch_.resize(undouble_quotes(text, options_.quote, scratch_.data()));
    text = scratch_;
    if (slot.type.is(type_id::text) && text.size() > text_view::inline_bytes) {
      char* const bytes = columns_.reserve_text(slot, text.size());
      text.copy(bytes, text.size());
      text = {bytes, text.size()};
    }
  }
  set_from_text(columns_, slot, text, text_dialect::csv);
}

bool csv_decoder::is_null_text(std::string_view text) const {
  if (text.empty()) return true;
  if (!(null_word_lengths_ >> std::min<size_t>(text.size(), 63) & 1)) return false;
  return std::find(options_.null_words.begin(), options_.null_words.end(), text) != options_.null_words.end();
}

void csv_decoder::reject(const record_span& span, size_t begin, size_t end, std::string reason,
                         std::string_view sqlstate) {
  made_.rejects.push_back({.reason = std::move(reason),
                           .sqlstate = std::string(sqlstate),
                           .offset = span.offset + begin,
                           .raw = std::string_view(span.data + begin, end - begin)});
}

decoded_records csv_decoder::take() {
  if (!started_) columns_.start(0);
  made_.rows = columns_.rows();
  made_.columns = columns_.finish(made_.owners);
  started_ = false;
  decoded_records taken = std::move(made_);
  made_ = {};
  return taken;
}

result<std::unique_ptr<record_decoder>> make_csv_decoder(std::vector<decoder_column> columns,
                                                         const decoder_options& options) {
  for (const decoder_column& each : columns)
    if (!is_field_type(each.type) || each.path.empty())
      return fail(error_code::invalid_argument,
                  "a CSV field cannot be of type " + to_string(each.type) + ": " + each.name);
  return std::unique_ptr<record_decoder>(std::make_unique<csv_decoder>(std::move(columns), options));
}

}  // namespace systole
